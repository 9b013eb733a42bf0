"""A virtual clock, servers with limits of every kind, and clients that always have more to ask."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Literal, Protocol

from harness.models.base import Allowance
from harness.running.limiter import Limiter

Kind = Literal["answer", "refuse", "timeout"]


@dataclass(frozen=True)
class Reply:
    """What a server will say, and when."""

    at: float
    kind: Kind
    retry_after_s: float | None = None
    allowance: Allowance | None = None
    tokens: int = 0


class SimulatedServer(Protocol):
    def ask(self, now: float) -> Reply: ...


@dataclass
class TokenBucket:
    """Takes ``rate`` requests a second, ``burst`` at once, and refuses the others."""

    rate: float
    latency: Callable[[], float]
    burst: float = 1.0
    retry_after_s: float | None = None
    slow_refusals: bool = False
    level: float = -1.0
    seen: float = 0.0

    def ask(self, now: float) -> Reply:
        full = self.burst
        self.level = full if self.level < 0 else self.level + (now - self.seen) * self.rate
        self.level, self.seen = min(self.level, full), now
        if self.level >= 1:
            self.level -= 1
            return Reply(now + self.latency(), "answer")
        late = self.latency() if self.slow_refusals else min(self.latency(), 0.03)
        return Reply(now + late, "refuse", self.retry_after_s)


@dataclass
class Slots:
    """Serves so many at a time, each for a while; the others queue; it never refuses."""

    slots: int
    service: Callable[[], float]
    timeout_s: float = 60.0
    free: list[float] = field(default_factory=list)

    def ask(self, now: float) -> Reply:
        if not self.free:
            self.free = [0.0] * self.slots
        start = max(heapq.heappop(self.free), now)
        end = start + self.service()
        heapq.heappush(self.free, end)
        late = end - now > self.timeout_s
        return Reply(now + self.timeout_s, "timeout") if late else Reply(end, "answer")


@dataclass
class Result:
    """What came of a simulation, per second: answers, refusals, timeouts, window."""

    answers: list[float]
    refusals: list[float]
    timeouts: list[float]
    windows: list[int]
    latencies: list[tuple[float, float]]

    def rate(self, start: float, end: float) -> float:
        return sum(start <= t < end for t in self.answers) / (end - start)

    def refused_share(self, start: float = 0.0, end: float = math.inf) -> float:
        no = sum(start <= t < end for t in self.refusals)
        ok = sum(start <= t < end for t in self.answers)
        return no / max(no + ok, 1)


def simulate(
    limiter: Limiter, server: SimulatedServer, seconds: float, *, workers: int = 1000, seed: int = 1
) -> Result:
    """So many workers ask without end, as ``RetryingProvider`` and ``Gate`` do."""
    random = Random(seed)
    now, number = 0.0, 0
    result = Result([], [], [], [], [])
    events: list[tuple[float, int, str, float, Reply | None]] = []
    waiting: deque[float] = deque([0.0] * workers)
    timer = math.inf
    next_second = 0.0

    def push(at: float, what: str, sent: float, reply: Reply | None) -> None:
        nonlocal number
        number += 1
        heapq.heappush(events, (at, number, what, sent, reply))

    def let_in() -> None:
        nonlocal timer
        while waiting:
            wait = limiter.wait_s(now)
            if wait == math.inf:
                return
            if wait > 0:
                if now + wait < timer or timer <= now:
                    timer = now + wait
                    push(timer + random.random() * 0.001, "timer", 0.0, None)
                return
            waiting.popleft()
            limiter.sent(now)
            reply = server.ask(now)
            push(reply.at, "reply", now, reply)

    let_in()
    while events:
        now, _, what, sent, reply = heapq.heappop(events)
        if now > seconds:
            break
        while next_second <= now:
            result.windows.append(limiter.window)
            next_second += 1
        if what == "timer":
            timer = math.inf
        elif what == "back":
            waiting.appendleft(now)
        elif reply is not None:
            if reply.allowance is not None:
                limiter.told(now, reply.allowance)
            if reply.kind == "answer":
                limiter.answered(now, sent, reply.tokens)
                result.answers.append(now)
                result.latencies.append((now, now - sent))
                waiting.append(now)
            elif reply.kind == "refuse":
                limiter.refused(now, sent, reply.retry_after_s)
                result.refusals.append(now)
                push(now + (reply.retry_after_s or 0.4) + random.random() * 0.5, "back", 0, None)
            else:
                limiter.timed_out(now, sent)
                result.timeouts.append(now)
                push(now + 0.4, "back", 0.0, None)
        let_in()
    return result


def steady(seconds: float) -> Callable[[], float]:
    return lambda: seconds


def spread(median: float, sigma: float, seed: int = 7) -> Callable[[], float]:
    """Log-normal latencies, as answers of different lengths have."""
    random = Random(seed)
    return lambda: median * math.exp(random.gauss(0, sigma))
