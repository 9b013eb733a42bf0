"""Slow things, made once in the background and kept: a page waits a moment, then asks again."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import BoundedSemaphore, Thread

MOST_KEPT = 12
AT_ONCE = 2
FRESH_S = 60.0
"""So long a report of a run under way is shown again, while its journal goes on."""

PATIENCE_S = 1.0
"""How long a page waits before it says that something is being made."""


@dataclass(frozen=True, slots=True)
class Work:
    """Something that is made, or was; ``begun`` by the clock of its Works."""

    future: Future[str]
    begun: float


class Works:
    """What is being made, and what was made last; used from the event loop only.

    A key says everything that the result depends on: who asks with the same one gets the same
    result. An error is told to all who wait for it, and forgotten: a repaired folder is tried anew.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[Hashable, Work] = OrderedDict()
        self._turns = BoundedSemaphore(AT_ONCE)

    async def result(
        self,
        key: Hashable,
        make: Callable[[], str],
        patience_s: float = PATIENCE_S,
        fresh_s: float = math.inf,
    ) -> str | None:
        """What ``make`` returns, or None where it takes longer: ask again.

        What depends on more than its key, as the report of a run under way does, is made anew
        when it was begun more than ``fresh_s`` ago; never while it is being made.

        Raises:
            Exception: whatever ``make`` raises.
        """
        work = self._kept.get(key)
        if work is None or (work.future.done() and self._clock() - work.begun > fresh_s):
            work = self._begun(key, make)
        future = work.future
        self._kept.move_to_end(key)
        if not future.done():
            waiting = asyncio.wrap_future(future)
            waiting.add_done_callback(_seen)
            await asyncio.wait({waiting}, timeout=patience_s)
        if not future.done():
            return None
        if future.exception() is not None:
            self._kept.pop(key, None)
        return future.result()

    def _begun(self, key: Hashable, make: Callable[[], str]) -> Work:
        future: Future[str] = Future()
        future.set_running_or_notify_cancel()
        self._kept[key] = work = Work(future, self._clock())
        self._forget_oldest()
        # A daemon, so that Ctrl-C does not wait for a report that nobody will read.
        Thread(target=self._work, args=(future, make), daemon=True).start()
        return work

    def _work(self, future: Future[str], make: Callable[[], str]) -> None:
        with self._turns:
            try:
                future.set_result(make())
            except BaseException as error:  # noqa: BLE001 - told to whoever waits
                future.set_exception(error)

    def _forget_oldest(self) -> None:
        done = [key for key, work in self._kept.items() if work.future.done()]
        for key in done[: max(0, len(self._kept) - MOST_KEPT)]:
            del self._kept[key]


def _seen(waiting: asyncio.Future[str]) -> None:
    """An error that came after the page had gone is told to the next one that asks."""
    if not waiting.cancelled():
        waiting.exception()
