"""The limiter against simulated servers, by a virtual clock: nothing here takes time or chance."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from harness.models.base import Allowance
from harness.running.limiter import Limiter

sys.path.insert(0, str(Path(__file__).parent))
from simulation import Reply, Slots, TokenBucket, simulate, spread, steady

MOST = 1000


def adaptive(most: int = MOST) -> Limiter:
    return Limiter(most, adaptive=True)


# --- the rate ------------------------------------------------------------------------


@pytest.mark.parametrize("retry_after_s", [None, 1.0])
@pytest.mark.parametrize("burst_s", [0.1, 1.0])
@pytest.mark.parametrize(("latency_s", "sigma"), [(0.002, 0.0), (0.05, 0.3), (0.3, 0.5)])
@pytest.mark.parametrize("rate", [10, 50, 400])
def test_a_hidden_limit_is_found_and_kept(
    rate: float, latency_s: float, sigma: float, burst_s: float, retry_after_s: float | None
) -> None:
    latency = spread(latency_s, sigma) if sigma else steady(latency_s)
    server = TokenBucket(rate, latency, max(1.0, burst_s * rate), retry_after_s)
    seconds = 60.0 if rate <= 50 else 20.0
    result = simulate(adaptive(), server, seconds)
    assert 0.9 <= result.rate(6.0, seconds) / rate <= 1.1
    assert result.refused_share(6.0) < 0.02


def test_a_limit_that_falls_and_rises_is_followed() -> None:
    server = TokenBucket(200, spread(0.05, 0.3), 20)
    limits = {0.0: 200.0, 15.0: 50.0, 30.0: 200.0}

    @dataclass
    class Changing:
        def ask(self, now: float) -> Reply:
            server.rate = limits[max(start for start in limits if start <= now)]
            return server.ask(now)

    result = simulate(adaptive(), Changing(), 60.0)
    assert result.rate(8, 15) == pytest.approx(200, rel=0.1)
    assert result.rate(21, 30) == pytest.approx(50, rel=0.15)
    assert result.rate(48, 60) == pytest.approx(200, rel=0.1)


@pytest.mark.parametrize("share", [0.02, 0.05, 0.2])
def test_refusals_that_have_nothing_to_do_with_the_rate_do_not_slow_a_run_for_long(
    share: float,
) -> None:
    random = Random(3)

    class Moody:
        def ask(self, now: float) -> Reply:
            return Reply(now + 0.05, "refuse" if random.random() < share else "answer", 0.2)

    result = simulate(adaptive(64), Moody(), 40.0, workers=64)
    assert result.rate(20, 40) > 150


def test_where_all_are_refused_everybody_waits_as_long_as_the_server_asks() -> None:
    class Closed:
        asked: list[float] = []  # noqa: RUF012 - one test

        def ask(self, now: float) -> Reply:
            self.asked.append(now)
            return Reply(now + 0.01, "refuse", 10.0)

    server = Closed()
    simulate(adaptive(), server, 35.0)
    assert len(server.asked) < 40
    assert len([at for at in server.asked if at > 15]) < 20


# --- the number in flight ------------------------------------------------------------


@pytest.mark.parametrize("slots", [4, 16, 64])
@pytest.mark.parametrize(("service_s", "sigma"), [(0.5, 0.0), (0.5, 0.7), (4.0, 0.4)])
def test_a_server_that_queues_is_driven_near_its_knee(
    slots: int, service_s: float, sigma: float
) -> None:
    service = spread(service_s, sigma) if sigma else steady(service_s)
    mean_s = service_s * math.exp(sigma * sigma / 2)
    seconds = service_s * 240
    result = simulate(adaptive(), Slots(slots, service), seconds)
    late = [latency for at, latency in result.latencies if at > seconds / 2]
    assert result.timeouts == []
    assert result.rate(seconds / 2, seconds) >= 0.9 * slots / mean_s
    assert sum(late) / len(late) < 4 * mean_s


def test_a_server_without_limits_gets_all_there_is() -> None:
    result = simulate(adaptive(), Slots(100_000, spread(0.3, 1.0)), 8.0)
    assert result.windows[6] == MOST


def test_slow_prompts_are_not_taken_for_a_queue() -> None:
    """Latency that trebles by itself: the window comes back to where it was."""

    class Slower:
        def ask(self, now: float) -> Reply:
            return Reply(now + (0.1 if now < 10 else 0.3), "answer")

    result = simulate(adaptive(200), Slower(), 40.0)
    assert result.windows[9] == 200
    assert min(result.windows[30:]) >= 150


def test_timeouts_halve_the_window_once_for_all_that_were_under_way() -> None:
    limiter = adaptive(100)
    for _ in range(4):
        limiter.sent(0.0)
    before = limiter.window
    for _ in range(4):
        limiter.timed_out(60.0, 0.0)
    assert limiter.window == before // 2
    assert limiter.in_flight == 0


def test_a_fixed_number_stays() -> None:
    limiter = Limiter(8)
    for _ in range(8):
        assert limiter.wait_s(0.0) == 0
        limiter.sent(0.0)
    assert limiter.wait_s(0.0) == math.inf
    limiter.refused(1.0, 0.0, 5.0)
    limiter.timed_out(60.0, 0.0)
    limiter.told(60.0, Allowance(0, 100.0))
    assert limiter.window == 8
    assert limiter.wait_s(60.0) == 0


# --- what servers say, and caps ------------------------------------------------------


def test_nothing_is_left_means_waiting_until_there_is() -> None:
    limiter = adaptive()
    limiter.sent(0.0)
    limiter.told(1.0, Allowance(requests=0, requests_reset_s=2.5))
    limiter.answered(1.0, 0.0)
    assert limiter.wait_s(1.0) == pytest.approx(2.5)
    assert limiter.wait_s(3.6) == 0


def test_what_is_left_is_spread_over_its_time() -> None:
    """A window of 100 requests each 10 s, told in every answer: nobody is refused."""

    @dataclass
    class Told:
        used: int = 0
        period: int = -1
        refused: int = 0
        at: list[float] = field(default_factory=list)

        def ask(self, now: float) -> Reply:
            if int(now // 10) != self.period:
                self.period, self.used = int(now // 10), 0
            self.used += 1
            left, reset = max(100 - self.used, 0), 10 - now % 10
            if self.used > 100:
                return Reply(now + 0.05, "refuse", reset, Allowance(0, reset))
            return Reply(now + 0.05, "answer", None, Allowance(left, reset))

    result = simulate(adaptive(), Told(), 60.0)
    assert result.rate(0, 60) == pytest.approx(10, rel=0.15)
    assert result.refused_share() < 0.02


def test_tokens_that_are_left_count_too() -> None:
    limiter = adaptive()
    limiter.sent(0.0)
    limiter.answered(0.1, 0.0, 500)
    limiter.told(0.1, Allowance(tokens=5000, tokens_reset_s=10.0))
    assert limiter.rate(0.1) == pytest.approx(1.0)
    limiter.told(0.1, Allowance(tokens=100, tokens_reset_s=3.0))
    assert limiter.wait_s(0.1) == pytest.approx(3.0)


@pytest.mark.parametrize("is_adaptive", [False, True])
@pytest.mark.parametrize("rpm", [10, 600, 6000])
def test_no_minute_holds_more_requests_than_allowed(rpm: float, is_adaptive: bool) -> None:
    limiter = Limiter(MOST, adaptive=is_adaptive, rpm=rpm)
    seconds = 120.0 if rpm < 6000 else 70.0
    result = simulate(limiter, Slots(100_000, steady(0.1)), seconds)
    times = sorted(result.answers)
    ends = range(60, int(seconds), 5)
    worst = max(sum(end - 60 <= at < end for at in times) for end in ends)
    assert 0.9 * rpm <= worst <= rpm


def test_no_minute_costs_many_more_tokens_than_allowed() -> None:
    class Talker:
        random = Random(1)

        def ask(self, now: float) -> Reply:
            return Reply(now + 0.2, "answer", tokens=self.random.randint(100, 1900))

    limiter = Limiter(64, tpm=60_000)
    result = simulate(limiter, Talker(), 120.0, workers=64)
    per_minute = len(result.answers) / 2 * 1000
    assert per_minute == pytest.approx(60_000, rel=0.15)


def test_connections_that_fail_one_after_the_other_make_everybody_wait() -> None:
    limiter = adaptive()
    for _ in range(3):
        assert limiter.wait_s(1.0) == 0
        limiter.sent(1.0)
        limiter.broke(1.0)
    assert limiter.wait_s(1.0) == pytest.approx(0.2)
    limiter.sent(1.3)
    limiter.answered(1.4, 1.3)
    limiter.sent(1.4)
    limiter.broke(1.4)
    assert limiter.wait_s(1.4) == 0
