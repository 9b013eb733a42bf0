from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import (
    BadResponse,
    ProviderError,
    RateLimited,
    RequestRejected,
    ServerDown,
    ServerFailed,
    ServerUnreachable,
    UsageError,
)
from harness.records import Request
from harness.running import retries
from harness.running.retries import Limits, RetryingProvider

MakeLimits = Callable[..., Limits]


def asking(prompt: str) -> Request:
    return Request("m", ({"role": "user", "content": prompt},))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, instead of waiting."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    clock = SimpleNamespace(**{**vars(asyncio), "sleep": sleep})
    monkeypatch.setattr(retries, "asyncio", clock)
    return waited


@pytest.mark.parametrize("error", [ServerUnreachable, ServerFailed, BadResponse, RateLimited])
async def test_what_may_pass_is_tried_again(
    echo: Any, at_once: MakeLimits, error: Callable[[str], ProviderError]
) -> None:
    echo.faults = {"1": [error("once"), error("twice")]}
    provider = RetryingProvider(echo, at_once())
    [completion] = await provider.complete(asking("1"))
    assert completion.text == "1#0"
    assert provider.retries == 2


async def test_what_cannot_pass_is_not_tried_again(echo: Any, at_once: MakeLimits) -> None:
    echo.faults = {"1": [RequestRejected("no")]}
    with pytest.raises(RequestRejected):
        await RetryingProvider(echo, at_once()).complete(asking("1"))
    assert echo.asked == ["1"]


async def test_attempts_are_bounded(echo: Any, at_once: MakeLimits) -> None:
    echo.faults = {"1": [BadResponse(f"number {i}") for i in range(9)]}
    with pytest.raises(BadResponse, match="number 2"):
        await RetryingProvider(echo, at_once(max_attempts=3)).complete(asking("1"))
    assert len(echo.asked) == 3


async def test_a_rate_limit_is_no_attempt(echo: Any, at_once: MakeLimits) -> None:
    echo.faults = {"1": [RateLimited("slow") for _ in range(9)]}
    await RetryingProvider(echo, at_once(max_attempts=1)).complete(asking("1"))
    assert len(echo.asked) == 10


async def test_waits_double_up_to_the_longest(echo: Any, waits: list[float]) -> None:
    echo.faults = {"1": [BadResponse("no") for _ in range(7)]}
    limits = Limits(max_attempts=8, first_wait_s=1.0, longest_wait_s=8.0)
    await RetryingProvider(echo, limits).complete(asking("1"))
    for waited, longest in zip(waits, [1, 2, 4, 8, 8, 8, 8], strict=True):
        assert longest / 2 <= waited <= longest


async def test_the_wait_that_a_server_asks_for_is_kept(echo: Any, waits: list[float]) -> None:
    echo.faults = {"1": [RateLimited("slow", 7.0), RateLimited("slow", 0.0)]}
    await RetryingProvider(echo, Limits(first_wait_s=0.5)).complete(asking("1"))
    assert 7.0 <= waits[0] <= 7.5
    assert 0.0 <= waits[1] <= 0.5


async def test_the_same_seed_waits_the_same(echo: Any, waits: list[float]) -> None:
    for _ in range(2):
        echo.faults = {"1": [BadResponse("no") for _ in range(4)]}
        await RetryingProvider(echo, Limits(seed=3)).complete(asking("1"))
    assert waits[:4] == waits[4:]
    assert len(set(waits)) == 4


async def test_no_try_begins_after_the_deadline(echo: Any, waits: list[float]) -> None:
    echo.faults = {"1": [BadResponse("no") for _ in range(9)]}
    with pytest.raises(BadResponse):
        await RetryingProvider(echo, Limits(deadline_s=0.0)).complete(asking("1"))
    assert waits == []


async def test_a_rate_limit_that_nobody_gets_past_stops_the_run(
    echo: Any, waits: list[float]
) -> None:
    echo.faults = {"1": [RateLimited("come back tomorrow", 40_000.0)]}
    with pytest.raises(ServerDown, match=r"come back tomorrow") as caught:
        await RetryingProvider(echo, Limits()).complete(asking("1"))
    assert caught.value.fatal
    assert waits == []


async def test_a_server_that_never_gave_a_sign_of_life_stops_even_the_smallest_run(
    echo: Any, at_once: MakeLimits
) -> None:
    echo.faults = {"1": [ServerUnreachable("nothing listens at URL")] * 9}
    with pytest.raises(ServerDown, match="3 tries in a row got no answer, the last: nothing"):
        await RetryingProvider(echo, at_once()).complete(asking("1"))


async def test_a_server_that_fails_but_lives_fails_the_smallest_runs_sample(
    echo: Any, at_once: MakeLimits
) -> None:
    echo.faults = {"1": [ServerFailed("oops")] * 9}
    with pytest.raises(ServerFailed):
        await RetryingProvider(echo, at_once()).complete(asking("1"))


async def test_tries_in_a_row_without_an_answer_stop_the_run(
    echo: Any, at_once: MakeLimits
) -> None:
    echo.faults = {str(i): [ServerUnreachable("nothing listens at URL")] * 99 for i in range(4)}
    provider = RetryingProvider(echo, at_once(down_after=12, max_attempts=99))
    await provider.complete(asking("good"))
    errors = await asyncio.gather(
        *(provider.complete(asking(str(i))) for i in range(4)), return_exceptions=True
    )
    assert all(isinstance(error, ServerDown) for error in errors)
    assert "12 tries in a row got no answer, the last: nothing listens at URL" in str(errors[-1])


async def test_a_sample_that_no_server_survives_is_not_a_server_that_is_down(
    echo: Any, at_once: MakeLimits
) -> None:
    provider = RetryingProvider(echo, at_once(down_after=6, max_attempts=5))
    await provider.complete(asking("good"))
    for prompt in ("1", "2", "3"):
        echo.faults = {prompt: [ServerFailed("crash")] * 5}
        with pytest.raises(ServerFailed):
            await provider.complete(asking(prompt))
        await provider.complete(asking("good"))


async def test_any_word_of_a_server_shows_that_it_is_there(echo: Any, at_once: MakeLimits) -> None:
    provider = RetryingProvider(echo, at_once(down_after=4, max_attempts=3))
    await provider.complete(asking("good"))
    for prompt in ("1", "2", "3"):
        echo.faults = {prompt: [ServerUnreachable("gone")] * 3, "bad": [RequestRejected("no")]}
        with pytest.raises(ServerUnreachable):
            await provider.complete(asking(prompt))
        with pytest.raises(RequestRejected):
            await provider.complete(asking("bad"))


@pytest.mark.parametrize("field", ["concurrency", "max_attempts"])
def test_limits_that_allow_nothing_are_a_usage_error(field: str) -> None:
    with pytest.raises(UsageError):
        Limits(**{field: 0})
