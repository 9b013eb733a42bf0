"""A slice of the validation study: a few tuning runs, and whether the advice does well on them.

``python benchmarks/bench_advice.py``; the whole study is ``make validate`` (docs/validation.md).
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.advice.excerpt import excerpt

if __name__ == "__main__":
    sys.exit(excerpt(workers=2))
