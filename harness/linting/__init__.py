"""What is wrong with training data before anyone trains on them.

Owns the table of lints and what each looks at: files in their formats, held-out data beside them,
prices. It asks no model, trains nothing beyond a small classifier of words, and never changes the
file that it looks at.
"""

from harness.linting.linter import LintOptions, lint
from harness.linting.table import LINTS, every_lint

__all__ = ["LINTS", "LintOptions", "every_lint", "lint"]
