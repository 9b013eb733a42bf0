"""The event loop that a run is driven by."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def driven(work: Coroutine[Any, Any, T]) -> T:
    """Drive the work to its end: on uvloop where it is installed (the extra ``fast``)."""
    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        return runner.run(work)


def _fast_loop() -> Any:
    """What makes loops; None leaves it to asyncio."""
    try:
        return importlib.import_module("uvloop").new_event_loop
    except ImportError:
        return None
