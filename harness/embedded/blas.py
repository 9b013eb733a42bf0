"""One BLAS thread while the network computes: at its size more threads only wait for each other.

BLAS keeps its number of threads for the whole process. So all users here share one limit: the
first to enter sets it, the last to leave lifts it, and overlapping users cannot undo each other.
"""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import Any


class _OneThread:
    """A context manager that may be entered again, and from several threads at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                self._limit = self._controller.limit(limits=1, user_api="blas")
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._limit.restore_original_limits()

    @cached_property
    def _controller(self) -> Any:
        """Finds the loaded BLAS libraries once: looking for them takes milliseconds."""
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

        return ThreadpoolController()


one_thread = _OneThread()
