"""The event loop that a run is driven by, and how another thread ends it in good order."""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(eq=False)
class Stop:
    """Ends a run from another thread as Ctrl-C does: what was answered is in the journal."""

    asked: bool = False
    _running: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def now(self) -> None:
        """Cancel the work that is driven, or will be."""
        with self._lock:
            self.asked = True
            if self._running is not None:
                loop, task = self._running
                loop.call_soon_threadsafe(task.cancel)

    async def over(self, work: Coroutine[Any, Any, T]) -> T:
        """The work, until this is stopped."""
        task = asyncio.current_task()
        with self._lock:
            if self.asked or task is None:
                work.close()
                raise asyncio.CancelledError
            self._running = asyncio.get_running_loop(), task
        try:
            return await work
        finally:
            with self._lock:
                self._running = None


def driven(work: Coroutine[Any, Any, T], stop: Stop | None = None) -> T:
    """Drive the work to its end: on uvloop where it is installed (the extra ``fast``)."""
    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        return runner.run(work if stop is None else stop.over(work))


def is_in_a_loop() -> bool:
    """Does an event loop run in this thread already, as in a notebook?"""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _fast_loop() -> Any:
    """What makes loops; None leaves it to asyncio."""
    try:
        return importlib.import_module("uvloop").new_event_loop
    except ImportError:
        return None
