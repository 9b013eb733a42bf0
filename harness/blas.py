"""One BLAS thread where sums must not depend on their number, or are too small for several.

BLAS keeps its number of threads for the whole process, and threadpoolctl lets only one thread of
Python at a time change it. So computations also take turns: each sets the limit, computes and
lifts it, and no two can undo each other's. Between two of them BLAS is as it was.
"""

from __future__ import annotations

from functools import cached_property
from threading import RLock
from typing import Any


class _OneThread:
    """A context manager for one thread at a time, which may enter it again."""

    def __init__(self) -> None:
        self._turn = RLock()
        self._depth = 0
        self._limit: Any = None

    def __enter__(self) -> None:
        self._turn.acquire()
        if self._depth == 0:
            self._limit = self._controller.limit(limits=1, user_api="blas")
            self._limit.__enter__()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._limit.__exit__(None, None, None)
        self._turn.release()

    @cached_property
    def _controller(self) -> Any:
        """Finds the loaded BLAS libraries once: looking for them takes milliseconds."""
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

        return ThreadpoolController()


one_thread = _OneThread()
