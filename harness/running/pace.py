"""How many requests a second a server takes, learnt from what it refuses (429, 503).

Pure: it is told what happened and when, and never looks at a clock. Without a refusal there is
no bound. A refusal cuts the rate by the share that was refused; then the rate returns to where
it was along a cubic curve: fast at first, hardly rising near the rate that was refused, and
fast again where nothing is refused there any more (as CUBIC does with TCP's window).
"""

from __future__ import annotations

from math import inf

SLOWEST = 0.2
"""Requests a second that are always tried."""

CUT, DEEPEST_CUT = 0.94, 0.25
CONVERGED = 0.99
"""Where the way back levels off, below a rate that was refused before it was reached again."""

FIRST_CUT = 0.5
DOUBLED_S, DOUBLED_BEYOND_S = 1.0, 3.0
"""How fast the rate grows from the first cut on, until the limit is met again; and how fast
where nothing is refused any more as far above the limit as it was cut below it."""

BLIND_S = 1.0
"""So long after the first cut refusals say only that it was too small, not where the limit is."""

RETURN_S, SEARCH_S = 8.0, 2.5
"""How long the way back to the refused rate takes: as a rule, and after a cut too small."""

REFUSED_EVERY, MOST_RETURN_S = 150.0, 60.0
"""A way back is at least so many requests long, so that slow limits are not probed too often."""

SOON_S = 1.0
"""A refusal so soon after a cut says that the cut was too small."""

DEAF_S = 30.0
SURELY_MORE, SURELY_MORE_AT_LEAST = 1.15, 6.0
"""If so much more was answered than any limit below the rate allows (times, plus), refusals are
no answer to the rate, and it is left alone for a while."""

REFUSED_MORE, REFUSED_MORE_AT_LEAST, REPLIES = 1.5, 0.1, 50
"""Unless the refused share of so many replies becomes so much greater (times, plus)."""

RARELY = 200
"""Replies without a refusal after which earlier ones do not matter any more."""


class Pace:
    """The rate of requests that is not refused, in requests a second."""

    __slots__ = (
        "_began",
        "_count",
        "_curve_at",
        "_cut_at",
        "_deaf_until",
        "_drop",
        "_earlier",
        "_first_at",
        "_mark",
        "_no",
        "_ok",
        "_return_s",
        "_searching",
        "_series_no",
        "_series_ok",
        "_series_rate",
        "_series_s",
        "_top",
    )

    def __init__(self) -> None:
        self._top = inf
        self._drop = 0.0
        self._return_s = RETURN_S
        self._cut_at = self._curve_at = -inf
        self._ok = self._no = 0
        self._series_rate = self._series_ok = self._series_s = 0.0
        self._series_no = 0
        self._searching = False
        self._first_at = -inf
        self._deaf_until = -inf
        self._began = self._mark = -inf
        self._count = self._earlier = 0

    def rate(self, now: float) -> float:
        """Requests a second that may be sent now; inf as long as nothing was refused."""
        if self._top == inf:
            return inf
        if self._searching:
            doublings = (now - self._curve_at) / DOUBLED_S
            return (self._top - self._drop) * float(2.0 ** min(doublings, 30.0))
        way = (now - self._curve_at) / self._return_s - 1.0
        if way <= 1.0:
            return self._top + self._drop * way * way * way
        doublings = (way - 1.0) * self._return_s / DOUBLED_BEYOND_S
        return (self._top + self._drop) * float(2.0 ** min(doublings, 30.0))

    def answered(self, now: float, sent_at: float) -> None:
        """The server took a request."""
        self._count += 1
        if now - self._mark >= 1.0:
            self._turn(now, sent_at)
        if sent_at >= self._cut_at:
            self._ok += 1

    def idle(self, seconds: float) -> None:
        """Nothing was sent for a while though it might have been: the curve stands still."""
        self._curve_at += seconds

    def refused(self, now: float, sent_at: float) -> bool:
        """The server refused a request; says whether the rate was cut.

        Those sent before the last cut knew nothing of it, and do not count.
        """
        if sent_at < self._cut_at:
            return False
        self._no += 1
        if now < self._deaf_until:
            return self._listen_again(now)
        if self._top == inf:
            self._cut(now, max(self._measured(now), 1 / (now - sent_at + 1e-3)), FIRST_CUT)
            self._searching, self._first_at = True, now
            return True
        rate = self.rate(now)
        if self._is_in_vain(sent_at, rate):
            self._be_deaf(now)
            return False
        if now - self._cut_at < SOON_S + 2 * (now - sent_at):
            self._cut_again(now, sent_at, rate)
            return True
        top = rate if rate > self._top else rate * CONVERGED
        self._cut(now, top, CUT * rate / top)
        return True

    def _cut_again(self, now: float, sent_at: float, rate: float) -> None:
        """The last cut was too small: cut by the share that was refused since."""
        sent = max(rate * (sent_at - self._cut_at), self._no - 1.0) + 1.0
        part = max(DEEPEST_CUT, min(CUT * (sent - self._no + 0.5) / sent, CUT))
        top = rate * (1 + part) / 2
        searching = self._searching and now - self._first_at < BLIND_S
        self._cut(now, top, part * rate / top, SEARCH_S)
        self._searching = searching

    def _is_in_vain(self, sent_at: float, rate: float) -> bool:
        """Was more answered since the cuts began than a limit at this rate would have allowed?"""
        replies = self._ok + self._no
        if replies > RARELY or rate > self._series_rate:
            self._series_rate, self._series_ok, self._series_s = rate, 0.0, 0.0
            self._series_no = 0
            return False
        self._series_ok += self._ok
        self._series_no += self._no
        self._series_s += max(replies / rate, sent_at - self._cut_at)
        return self._series_ok > SURELY_MORE * rate * self._series_s + SURELY_MORE_AT_LEAST

    def _be_deaf(self, now: float) -> None:
        """Go back to the rate before the cuts that changed nothing, and beyond."""
        self._cut(now, self._series_rate, 1.0)
        self._searching = True
        self._series_rate = 0.0
        self._deaf_until = now + DEAF_S

    def _listen_again(self, now: float) -> bool:
        """Refused much more than before: the limit is real after all."""
        replies = self._ok + self._no
        if replies < REPLIES:
            return False
        usual = self._series_no / max(self._series_ok + self._series_no, 1)
        if self._no < (REFUSED_MORE * usual + REFUSED_MORE_AT_LEAST) * replies:
            self._ok = self._no = 0
            return False
        self._deaf_until = now
        self._cut(now, self._measured(now), FIRST_CUT)
        return True

    def _cut(self, now: float, top: float, part: float, return_s: float = RETURN_S) -> None:
        """Fall to ``part`` of ``top``, to return there in ``return_s`` or longer."""
        self._top = max(top, SLOWEST)
        self._drop = self._top * (1 - part)
        longest = MOST_RETURN_S * return_s / RETURN_S
        slow = REFUSED_EVERY / self._top * return_s / RETURN_S
        self._return_s = max(return_s, min(slow, longest))
        self._cut_at = self._curve_at = now
        self._ok = self._no = 0
        self._searching = False

    # --- the rate of answers -----------------------------------------------------------

    def _turn(self, now: float, sent_at: float) -> None:
        """Begin a new second of counting; keep the last one."""
        if self._mark == -inf:
            self._began = self._mark = sent_at
            return
        self._earlier, self._count = self._count, 0
        self._began, self._mark = self._mark, now

    def _measured(self, now: float) -> float:
        """Answers a second over the last second or two."""
        if self._mark == -inf:
            return SLOWEST
        return max((self._earlier + self._count) / max(now - self._began, 1e-3), SLOWEST)
