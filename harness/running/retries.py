"""How long to keep asking: retries with growing waits, and when a server is taken for down."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from harness.errors import (
    CostCapReached,
    ProviderError,
    RateLimited,
    ServerDown,
    ServerFailed,
    ServerOverloaded,
    ServerUnreachable,
    TimedOut,
    UsageError,
)
from harness.models.base import Allowance, Provider
from harness.records import Completion, Request, Usage
from harness.running.gate import Gate
from harness.running.limiter import Limiter

SURE_AFTER = 3
"""Tries of one request before its failure says something about the server."""


CostOf = Callable[[str, Usage], float | None]
"""What a model's tokens cost in US dollars; None where no price is known."""


@dataclass(slots=True, eq=False)
class Purse:
    """What a run has cost so far, and may cost (``cap`` in US dollars; None: no bound).

    Everything that is asked in a run pays from one purse, judges too. ``unpriced`` names a
    model whose price or tokens nobody knows.
    """

    cost_of: CostOf
    cap: float | None = None
    spent: float = 0.0
    unpriced: str | None = None

    def pay(self, model: str, completions: tuple[Completion, ...]) -> None:
        """Pay an answer."""
        for completion in completions:
            if completion.replayed:
                continue
            cost = None if completion.usage is None else self.cost_of(model, completion.usage)
            if cost is None:
                self.unpriced = model
            else:
                self.spent += cost

    def lack(self) -> CostCapReached | None:
        """Why not one more request may be sent; None as long as there is money."""
        if self.cap is None:
            return None
        if self.unpriced is not None:
            return CostCapReached(
                f"what model {self.unpriced!r} costs is not known (no price, or a server without "
                "token counts), so --max-cost cannot be kept; what was answered is kept: "
                "go on with --resume and another cap, such as --max-samples"
            )
        if self.spent < self.cap:
            return None
        return CostCapReached(
            f"--max-cost {self.cap:g} is reached ({self.spent:.4g} US dollars were spent); what "
            "was answered is kept: go on with --resume, which begins to count anew"
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """How much and how long to ask.

    At most ``concurrency`` requests are in flight; with ``adaptive`` as many of them, and as
    fast, as the server bears. ``rpm`` and ``tpm`` are caps on requests and tokens a minute.

    A request is tried ``max_attempts`` times; being told to wait for a rate limit is no
    attempt. ``deadline_s`` after it was first sent it is given up. Waits begin at
    ``first_wait_s`` and double up to ``longest_wait_s``; a random part (from ``seed``) keeps
    workers from returning all at once. After ``down_after`` tries in a row without any answer
    the server is down; one that never gave a sign of life already after three tries of one
    request.
    """

    concurrency: int = 64
    max_attempts: int = 5
    deadline_s: float = 600.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    down_after: int = 20
    seed: int = 0
    adaptive: bool = False
    rpm: float | None = None
    tpm: float | None = None
    purse: Purse | None = None

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.max_attempts < 1:
            raise UsageError("--concurrency and --max-attempts must be 1 or more")
        if not all(cap is None or cap > 0 for cap in (self.rpm, self.tpm)):
            raise UsageError("--rpm and --tpm must be more than 0")

    def limiter(self) -> Limiter:
        """Who says when the next request may be sent."""
        return Limiter(self.concurrency, adaptive=self.adaptive, rpm=self.rpm, tpm=self.tpm)


@dataclass(slots=True)
class _Effort:
    """What one request has cost so far: when it was first sent, its failures, attempts."""

    began: float
    answered_before: int
    failures: int = 0
    attempts: int = 0


@dataclass(eq=False)
class RetryingProvider:
    """Any provider, asked when its limits allow it, and again while that can help.

    A grader's judge is best one of these; it is not ``capped``, so that what was paid for is
    marked too. ``retries`` counts the tries beyond the first ones.
    """

    provider: Provider
    limits: Limits = Limits()
    retries: int = 0
    capped: bool = True
    _answered: int = 0
    _in_vain: int = 0
    _heard: bool = False
    _told: Allowance | None = None
    _random: random.Random = field(init=False, repr=False)
    _gate: Gate = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.limits.seed)
        self._gate = Gate(self.limits.limiter())

    @property
    def window(self) -> int:
        """How many requests may be in flight now, where that is found by itself; else 0."""
        return self._gate.limiter.window if self.limits.adaptive else 0

    @property
    def spent_usd(self) -> float:
        """What the run has cost so far, as far as prices are known."""
        return 0.0 if self.limits.purse is None else self.limits.purse.spent

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        """Ask until there is an answer, the limits are reached or asking again cannot help.

        Raises:
            CostCapReached: the run has cost what it may.
            ServerDown: nobody is answered any more.
            ProviderError: the last try's error.
        """
        gate = self._gate
        self._check_purse()
        sent_at = gate.pass_now() or await gate.wait()
        try:
            completions = await self._tried(request, sent_at)
        except ProviderError as error:
            effort = _Effort(sent_at, self._answered)
            completions = await self._ask_again(request, effort, error)
        self._answered += 1
        self._in_vain = 0
        self._heard = True
        if self.limits.purse is not None:
            self.limits.purse.pay(request.model, completions)
            self._lack()
        return completions

    def _check_purse(self) -> None:
        lack = self._lack()
        if lack is not None:
            raise lack

    def _lack(self) -> CostCapReached | None:
        """Whether the run has cost what it may; then nobody who waits is sent either."""
        if self.limits.purse is None or not self.capped:
            return None
        lack = self.limits.purse.lack()
        if lack is not None:
            self._gate.send_away(lack)
        return lack

    async def _ask_again(
        self, request: Request, effort: _Effort, error: ProviderError
    ) -> tuple[Completion, ...]:
        """All tries after the first one, which failed with ``error``."""
        gate = self._gate
        while True:
            self._listen(error)
            if not error.retryable:
                raise error
            await asyncio.sleep(self._wait_s(effort, error))
            self._check_purse()
            self.retries += 1
            sent_at = await gate.wait(urgent=True)
            try:
                async with asyncio.timeout(effort.began + self.limits.deadline_s - _now()):
                    return await self._tried(request, sent_at)
            except ProviderError as another:
                error = another
            except TimeoutError:
                self._heard = True
                raise error from None

    async def _tried(self, request: Request, sent_at: float) -> tuple[Completion, ...]:
        """One try; the limiter hears how it went."""
        gate = self._gate
        limiter = gate.limiter
        try:
            completions = await self.provider.complete(request)
        except (RateLimited, ServerOverloaded) as error:
            limiter.refused(gate.now(), sent_at, error.retry_after_s)
            raise
        except TimedOut:
            limiter.timed_out(gate.now(), sent_at)
            raise
        except ServerUnreachable:
            limiter.broke(gate.now())
            raise
        except BaseException:
            limiter.ended()
            raise
        else:
            usage = completions[0].usage if completions else None
            tokens = usage.prompt_tokens + usage.completion_tokens if usage is not None else 0
            limiter.answered(gate.now(), sent_at, tokens)
            return completions
        finally:
            told = getattr(self.provider, "allowance", None)
            if told is not self._told and told is not None:
                self._told = told
                limiter.told(gate.now(), told)
            gate.let_in()

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
        if isinstance(error, RateLimited | ServerOverloaded) and error.retry_after_s is not None:
            return error.retry_after_s + self._random.random() * limits.first_wait_s
        doubled = limits.first_wait_s * 2.0 ** min(effort.failures - 1, 32)
        return min(doubled, limits.longest_wait_s) * self._random.uniform(0.5, 1.0)


def _now() -> float:
    return asyncio.get_running_loop().time()
