"""finetune-harness: did fine-tuning help, and how many epochs next?

    >>> import harness
    >>> found = harness.run("orders.heldout.v1", "embedded:tiny-base", max_samples=20)
    >>> found.samples()          # pandas; found.metrics(), found.comparisons(), found.advice, ...

docs/api.md lists the stable names.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.analysis.diversity.table import diversity as diversity
    from harness.api import Advices as Advices
    from harness.api import GateResult as GateResult
    from harness.api import LintResult as LintResult
    from harness.api import Results as Results
    from harness.api import Settings as Settings
    from harness.api import advise as advise
    from harness.api import compare as compare
    from harness.api import compare_async as compare_async
    from harness.api import gate as gate
    from harness.api import lint as lint
    from harness.api import load_run as load_run
    from harness.api import load_study as load_study
    from harness.api import run as run
    from harness.api import run_async as run_async
    from harness.errors import HarnessError as HarnessError
    from harness.records import Completion as Completion
    from harness.records import Request as Request
    from harness.records import Usage as Usage

__version__ = "0.1.0"

LATE = {
    "diversity": "harness.analysis.diversity.table",
    "HarnessError": "harness.errors",
    **dict.fromkeys(("Completion", "Request", "Usage"), "harness.records"),
    **dict.fromkeys(("Advices", "GateResult", "LintResult", "Results", "Settings"), "harness.api"),
    **dict.fromkeys(("load_study", "load_run", "run", "run_async"), "harness.api"),
    **dict.fromkeys(("compare", "compare_async", "advise", "gate", "lint"), "harness.api"),
}
"""What is imported when it is first used: ``import harness`` costs next to nothing."""


def __getattr__(name: str) -> Any:
    if name not in LATE:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(LATE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *LATE])
