"""How many requests may be in flight: as many as raise the throughput, not only the waiting.

Pure: it is told what happened and when, and never looks at a clock. The size doubles each
round trip while latency stays level, then grows by a little each round. Where latency has
risen, requests wait for each other: the size is cut, and the cut is an experiment. If latency
does not fall with it, the server or the prompts are slow by themselves, and it is taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

SMALLEST = 1.0
FIRST = 4.0
FIRST_ROUND, ROUND_AT_LEAST = 8, 16
"""Answers that make a round at the least: fewer say nothing about latency."""

LEVEL, RISEN = 1.8, 2.2
"""Times the quiet latency: below the first there is room, above the second they queue."""

SLACK_S = 0.02
"""Latency that nobody minds, and that busy machines add at random."""

CUT, FIRST_CUT, CUT_BY_TIMEOUT = 0.6, 0.35, 0.5
"""The first rise is seen late, when the size has doubled once or twice more."""

HELPED = 0.88
"""A cut has helped if latency fell below this part of what it was."""

STEP = 0.05
"""Growth a round once the first rise was met, as a part of the size."""


@dataclass(slots=True)
class _Trial:
    """A cut whose effect is being looked at: what was before it."""

    latency_s: float
    size: float
    doubling: bool


class Window:
    """The size of the window, between 1 and ``most``; ``quiet_s`` is the latency without load."""

    __slots__ = (
        "_changed",
        "_count",
        "_doubling",
        "_full",
        "_logs",
        "_round",
        "_settling",
        "_trial",
        "most",
        "quiet_s",
        "size",
    )

    def __init__(self, most: int) -> None:
        self.most = float(most)
        self.size = min(FIRST, self.most)
        self.quiet_s: float | None = None
        self._doubling = True
        self._settling = False
        self._changed = 0.0
        self._trial: _Trial | None = None
        self._begin_round()

    def was_full(self) -> None:
        """A request had to wait for its place: more room would be used."""
        self._full = True

    def answered(self, now: float, sent_at: float) -> None:
        """An answer came; times in seconds. Those asked for before the last cut do not count."""
        if sent_at < self._changed:
            return
        self._count += 1
        self._logs += log(max(now - sent_at, 1e-6))
        if self._doubling and self._full and self.quiet_s is not None:
            self.size = min(self.size + 1.0, self.most)
        if self._count >= self._round:
            self._end_round(now)

    def timed_out(self, now: float, sent_at: float) -> None:
        """A request was not answered in time: one cut for all that were under way together."""
        if sent_at < self._changed:
            return
        self._doubling = self._settling = False
        self._trial = None
        self._resize(now, self.size * CUT_BY_TIMEOUT)

    def _end_round(self, now: float) -> None:
        latency_s = exp(self._logs / self._count)
        if self._trial is not None:
            self._conclude(now, self._trial, latency_s)
        elif self.quiet_s is None:
            self.quiet_s = latency_s
        elif latency_s < self.quiet_s:
            self.quiet_s += (latency_s - self.quiet_s) / 2
        elif latency_s > RISEN * self.quiet_s + SLACK_S:
            self._too_much(now, latency_s)
        elif latency_s > LEVEL * self.quiet_s + SLACK_S:
            self._doubling = self._settling = False
        elif self._full and not self._doubling:
            self.size = min(self.size + max(1.0, self.size * STEP), self.most)
        self._begin_round()

    def _too_much(self, now: float, latency_s: float) -> None:
        """Cut; while the size doubles, look once more at a steady one before."""
        if self._doubling:
            self._doubling, self._settling = False, True
            self._resize(now, self.size)
            return
        self._trial = _Trial(latency_s, self.size, self._settling)
        self._resize(now, self.size * (FIRST_CUT if self._settling else CUT))
        self._settling = False

    def _conclude(self, now: float, trial: _Trial, latency_s: float) -> None:
        """Did the cut help? If not, the load is not the cause and the new latency is normal."""
        self._trial = None
        if latency_s > HELPED * trial.latency_s:
            self.quiet_s = latency_s
            self._doubling = trial.doubling
            self._resize(now, trial.size)

    def _resize(self, now: float, size: float) -> None:
        self.size = max(SMALLEST, min(size, self.most))
        self._changed = now
        self._begin_round()

    def _begin_round(self) -> None:
        self._round = max(FIRST_ROUND if self._doubling else ROUND_AT_LEAST, self.size)
        self._count = 0
        self._logs = 0.0
        self._full = False
