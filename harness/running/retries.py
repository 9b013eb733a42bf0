"""How long to keep asking: retries with growing waits, and when a server is taken for down."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from harness.errors import (
    ProviderError,
    RateLimited,
    ServerDown,
    ServerFailed,
    ServerUnreachable,
    UsageError,
)
from harness.models.base import Provider
from harness.records import Completion, Request

SURE_AFTER = 3
"""Tries of one request before its failure says something about the server."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much and how long to ask.

    At most ``concurrency`` requests are in flight. A request is tried ``max_attempts`` times;
    being told to wait for a rate limit is no attempt, but no try begins later than
    ``deadline_s`` after the first failure. Waits begin at ``first_wait_s`` and double up to
    ``longest_wait_s``; a random part (from ``seed``) keeps workers from returning all at
    once. After ``down_after`` tries in a row without any answer the server is down; one that
    never gave a sign of life already after three tries of one request.
    """

    concurrency: int = 64
    max_attempts: int = 5
    deadline_s: float = 600.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    down_after: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.max_attempts < 1:
            raise UsageError("--concurrency and the number of attempts must be 1 or more")


@dataclass(slots=True)
class _Effort:
    """What one request has cost so far: its first failure, its failures, attempts among them."""

    began: float
    answered_before: int
    failures: int = 0
    attempts: int = 0


@dataclass(eq=False)
class RetryingProvider:
    """Any provider, asked again while that can help; a grader's judge is best one of these.

    ``retries`` counts the tries beyond the first ones.
    """

    provider: Provider
    limits: Limits = Limits()
    retries: int = 0
    _answered: int = 0
    _in_vain: int = 0
    _heard: bool = False
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.limits.seed)

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        """Ask until there is an answer, the limits are reached or asking again cannot help.

        Raises:
            ServerDown: nobody is answered any more.
            ProviderError: the last try's error.
        """
        effort: _Effort | None = None
        while True:
            try:
                completions = await self.provider.complete(request)
            except ProviderError as error:
                self._listen(error)
                if not error.retryable:
                    raise
                effort = effort or _Effort(_now(), self._answered)
                await asyncio.sleep(self._wait_s(effort, error))
                self.retries += 1
            else:
                self._answered += 1
                self._in_vain = 0
                self._heard = True
                return completions

    async def __aenter__(self) -> Self:
        await self.provider.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.provider.__aexit__(kind, error, trace)

    def _wait_s(self, effort: _Effort, error: ProviderError) -> float:
        """Count a failure; how long to wait before the next try, if one is worth it."""
        effort.failures += 1
        if not isinstance(error, RateLimited):
            effort.attempts += 1
        if self._is_down(effort):
            raise ServerDown(
                f"{self._in_vain} tries in a row got no answer, the last: {error}"
            ) from error
        wait_s = self._backoff_s(effort, error)
        too_late = _now() + wait_s > effort.began + self.limits.deadline_s
        if too_late and isinstance(error, RateLimited) and self._is_starved(effort):
            raise ServerDown(
                f"waiting {self.limits.deadline_s:g} s for the rate limit does not help: {error}"
            ) from error
        if too_late or effort.attempts >= self.limits.max_attempts:
            raise error
        return wait_s

    def _listen(self, error: ProviderError) -> None:
        """Note what an error says about the server: whether it is there, and whether it works."""
        self._heard = self._heard or not isinstance(error, ServerUnreachable)
        is_vain = isinstance(error, ServerUnreachable | ServerFailed)
        self._in_vain = self._in_vain + 1 if is_vain else 0

    def _is_down(self, effort: _Effort) -> bool:
        if effort.attempts < min(SURE_AFTER, self.limits.max_attempts):
            return False
        return not self._heard or self._in_vain >= self.limits.down_after

    def _is_starved(self, effort: _Effort) -> bool:
        return self._answered == effort.answered_before

    def _backoff_s(self, effort: _Effort, error: ProviderError) -> float:
        limits = self.limits
        if isinstance(error, RateLimited) and error.retry_after_s is not None:
            return error.retry_after_s + self._random.random() * limits.first_wait_s
        doubled = limits.first_wait_s * 2.0 ** min(effort.failures - 1, 32)
        return min(doubled, limits.longest_wait_s) * self._random.uniform(0.5, 1.0)


def _now() -> float:
    return asyncio.get_running_loop().time()
