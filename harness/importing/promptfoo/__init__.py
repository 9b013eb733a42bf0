"""Configurations of promptfoo, read into evals of ours: prompts times tests, with assertions.

Nothing in a configuration is run. What has no equal here is left out by name, with a reason.
"""

from harness.importing.promptfoo.evals import Promptfoo, read_promptfoo

__all__ = ["Promptfoo", "read_promptfoo"]
