"""Who may ask when: the window, the pace, what the server tells of its limits, and hard caps.

Pure: every decision follows from events and the times passed in, so that it can be simulated.
``gate.py`` brings it into an event loop.
"""

from __future__ import annotations

from math import inf

from harness.models.base import Allowance
from harness.running.pace import Pace
from harness.running.window import Window

CATCH_UP_S, MOST_CATCH_UP_S = 0.003, 0.03
"""A sender that woke late may send so much of its time's requests at once."""

IDLE_S = 0.05
"""A longer pause than the pace's own means that there was nothing to send, or no place."""

REST, LONGEST_REST_S = 2.0, 1.0
"""So many requests are left out after a cut, for a server whose measure is full to the brim."""

STRICT = 0.99
"""Caps are kept a little below, so that no minute holds more."""

LONGEST_HOLD_S = 60.0
"""Nobody is held longer by what a server says; then one request asks anew."""

SURE_AFTER = 3
"""Refusals in a row, in spite of a cut, after which everybody waits as the server asks."""

BROKEN_REST_S = 0.2
"""How long nothing is sent after connections that failed one after the other."""

FIRST_GUESS = 500.0
"""Tokens of a request before any was counted."""


class Spacing:
    """Keeps a rate: after each amount the next may begin when its time has come."""

    __slots__ = ("free_at",)

    def __init__(self) -> None:
        self.free_at = -inf

    def take(self, now: float, seconds: float) -> None:
        """Something was sent that fills so many seconds."""
        earliest = now - min(max(seconds / 2, CATCH_UP_S), MOST_CATCH_UP_S)
        self.free_at = (self.free_at if self.free_at > earliest else earliest) + seconds


class Limiter:
    """Decides whether one more request may be sent.

    Each request is announced by ``sent`` and ended by exactly one of ``answered``, ``refused``,
    ``timed_out``, ``broke`` and ``ended``. With ``adaptive`` the number in flight and the rate
    follow the server, up to ``most`` in flight; else ``most`` it is. ``rpm`` and ``tpm`` are hard
    caps.
    """

    __slots__ = (
        "_allowed",
        "_allowed_until",
        "_broken",
        "_called",
        "_closed_until",
        "_last",
        "_pace",
        "_row",
        "_spacing",
        "_tokens",
        "_tokens_each",
        "_window",
        "adaptive",
        "in_flight",
        "most",
        "rpm",
        "tpm",
    )

    def __init__(
        self,
        most: int,
        *,
        adaptive: bool = False,
        rpm: float | None = None,
        tpm: float | None = None,
    ) -> None:
        self.most = most
        self.adaptive = adaptive
        self.rpm = rpm
        self.tpm = tpm
        self.in_flight = 0
        self._window = Window(most)
        self._pace = Pace()
        self._called = rpm / 60 * STRICT if rpm else inf
        self._allowed, self._allowed_until = inf, -inf
        self._spacing, self._tokens = Spacing(), Spacing()
        self._tokens_each = FIRST_GUESS
        self._closed_until = -inf
        self._row = self._broken = 0
        self._last = -inf

    @property
    def window(self) -> int:
        """How many may be in flight now."""
        return int(self._window.size) if self.adaptive else self.most

    def rate(self, now: float) -> float:
        """How many requests may be sent in a second now; inf where nothing bounds it."""
        rate = self._called
        if self.adaptive:
            rate = min(rate, self._pace.rate(now))
            if now < self._allowed_until:
                rate = min(rate, self._allowed)
        return rate

    def wait_s(self, now: float) -> float:
        """Seconds until one more may be sent; 0: now, inf: not before another one has ended."""
        if self.in_flight >= self.window:
            self._window.was_full()
            return inf
        free_at = self._spacing.free_at
        if self._closed_until > free_at:
            free_at = self._closed_until
        if self._tokens.free_at > free_at:
            free_at = self._tokens.free_at
        return free_at - now if free_at > now else 0.0

    def sent(self, now: float) -> None:
        """A request goes out."""
        self.in_flight += 1
        rate = self.rate(now)
        if rate != inf:
            self._rest(now, 1 / rate)
            self._spacing.take(now, 1 / rate)
        if self.tpm:
            self._tokens.take(now, self._tokens_each * 60 / self.tpm)
        self._last = now

    def answered(self, now: float, sent_at: float, tokens: int = 0) -> None:
        """An answer came, which took so many tokens."""
        self.in_flight -= 1
        self._row = self._broken = 0
        if self.adaptive:
            self._window.answered(now, sent_at)
            self._pace.answered(now, sent_at)
        if tokens:
            self._count(tokens)

    def refused(self, now: float, sent_at: float, retry_after_s: float | None) -> None:
        """The server is asked too much (429, 503)."""
        self.in_flight -= 1
        if not self.adaptive:
            return
        if self._pace.refused(now, sent_at):
            rest_s = min(REST / self._pace.rate(now), LONGEST_REST_S)
            self._spacing.free_at = max(self._spacing.free_at, now + rest_s)
        self._row += 1
        if self._row > SURE_AFTER and retry_after_s and sent_at > self._closed_until:
            self._close(now, retry_after_s)

    def timed_out(self, now: float, sent_at: float) -> None:
        """No answer came in time."""
        self.in_flight -= 1
        if self.adaptive:
            self._window.timed_out(now, sent_at)

    def broke(self, now: float) -> None:
        """The connection failed: several in a row, and everybody waits for the first to know."""
        self.in_flight -= 1
        self._broken += 1
        if self.adaptive and self._broken >= SURE_AFTER:
            self._closed_until = max(self._closed_until, now + BROKEN_REST_S)

    def ended(self) -> None:
        """A request ended in a way that says nothing about load."""
        self.in_flight -= 1

    def told(self, now: float, allowance: Allowance) -> None:
        """The server says what is left of its limits, and when they are whole again."""
        if not self.adaptive:
            return
        rates = [
            self._spread(now, allowance.requests, allowance.requests_reset_s, 1.0),
            self._spread(now, allowance.tokens, allowance.tokens_reset_s, self._tokens_each),
        ]
        self._allowed = min(rates)
        resets = (allowance.requests_reset_s, allowance.tokens_reset_s)
        self._allowed_until = now + max((s for s in resets if s), default=0.0)

    def _spread(self, now: float, left: float | None, reset_s: float | None, each: float) -> float:
        """The rate that makes what is left last until there is more."""
        if left is None or not reset_s:
            return inf
        if left < each:
            self._close(now, reset_s)
            return 1 / min(reset_s, LONGEST_HOLD_S)
        return left / each / reset_s

    def _close(self, now: float, seconds: float) -> None:
        self._closed_until = max(self._closed_until, now + min(seconds, LONGEST_HOLD_S))
        self._row = 0

    def _rest(self, now: float, interval_s: float) -> None:
        """Where senders had nothing to send or no place, the pace must not rise meanwhile."""
        idle_s = now - self._last - interval_s - IDLE_S
        if idle_s > 0 and self._last > -inf and self.adaptive:
            self._pace.idle(idle_s)

    def _count(self, tokens: int) -> None:
        """Correct what was set aside for a request by what it took."""
        if self.tpm:
            self._tokens.free_at += (tokens - self._tokens_each) * 60 / self.tpm
        self._tokens_each += (tokens - self._tokens_each) * 0.05
