"""finetune-harness: did fine-tuning help, and how many epochs next?"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.analysis.diversity.table import diversity as diversity

__version__ = "0.1.0"

LATE = {"diversity": "harness.analysis.diversity.table"}
"""What is imported when it is first used: pandas and scipy take their time."""


def __getattr__(name: str) -> Any:
    if name not in LATE:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(LATE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *LATE])
