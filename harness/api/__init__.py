"""The Python API: everything that ``import harness`` offers. It calls the pipeline as commands do.

This room owns no statistics and no wording: it takes arguments, finds a place for long work
beside a running event loop, and returns tables of pandas and cards for notebooks.
"""

from harness.api.calls import (
    advise,
    compare,
    compare_async,
    gate,
    lint,
    load_run,
    load_study,
    run,
    run_async,
)
from harness.api.results import Advices, GateResult, LintResult, Results
from harness.api.settings import Settings

__all__ = [
    "Advices",
    "GateResult",
    "LintResult",
    "Results",
    "Settings",
    "advise",
    "compare",
    "compare_async",
    "gate",
    "lint",
    "load_run",
    "load_study",
    "run",
    "run_async",
]
