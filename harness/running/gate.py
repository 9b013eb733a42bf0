"""Makes requests wait in line for a limiter's leave: the only part of it that knows a clock."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from math import inf

from harness.running.limiter import Limiter

SHORTEST_TIMER_S = 0.0002


class Gate:
    """Lets requests pass one by one, in the order in which they came; urgent ones first."""

    __slots__ = ("_clock", "_line", "_timer", "limiter")

    def __init__(self, limiter: Limiter) -> None:
        self.limiter = limiter
        self._line: deque[asyncio.Future[float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._clock: Callable[[], float] | None = None

    def pass_now(self) -> float:
        """The time, if a request may be sent at once; else 0.0."""
        clock = self._clock or self._started()
        if self._line:
            return 0.0
        now = clock()
        if self.limiter.wait_s(now):
            return 0.0
        self.limiter.sent(now)
        return now

    async def wait(self, *, urgent: bool = False) -> float:
        """Wait for a place; the time when it was given."""
        place: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        if urgent:
            self._line.appendleft(place)
        else:
            self._line.append(place)
        self.let_in()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # given in the same moment: give it back
                self.limiter.ended()
                self.let_in()
            raise

    def send_away(self, error: Exception) -> None:
        """Nobody who waits here will be let in any more: they get this error."""
        while self._line:
            place = self._line.popleft()
            if not place.done():
                place.set_exception(error)

    def now(self) -> float:
        """The clock that the limiter goes by."""
        return (self._clock or self._started())()

    def let_in(self) -> None:
        """Something has changed: let in whoever may go, and look again when the next one may."""
        line, limiter = self._line, self.limiter
        while line:
            if line[0].done():  # whoever waited here has gone away
                line.popleft()
                continue
            now = self.now()
            wait_s = limiter.wait_s(now)
            if wait_s:
                self._look_again_in(wait_s)
                return
            limiter.sent(now)
            line.popleft().set_result(now)

    def _look_again_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds != inf:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(seconds, SHORTEST_TIMER_S), self._timed)

    def _timed(self) -> None:
        self._timer = None
        self.let_in()

    def _started(self) -> Callable[[], float]:
        self._clock = asyncio.get_running_loop().time
        return self._clock
