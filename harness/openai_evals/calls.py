"""Answers for code that runs in threads: asked on our event loop, journaled, replayed.

Every call of a model is one journal line under ``<eval>#calls``, written as it is answered, so
that a run that was killed asks nothing twice: its code begins anew, its calls are replayed.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import threading
from collections import Counter, defaultdict
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from harness.errors import HarnessError, ProviderError, RunFolderError
from harness.graders.base import Judge
from harness.models.base import Provider
from harness.openai_evals.marks import joined
from harness.records import Completion, Failure, Messages, Outcome, Request, Score
from harness.running.journal import Journal, outcomes
from harness.running.retries import Limits, RetryingProvider
from harness.running.runner import Observer, Tally

CALLS = "#calls"
"""Ends the journal's name for the single calls of an eval."""

OUTSIDE = "outside"
"""The sample of calls that are made for no sample."""

T = TypeVar("T")


class Stopped(Exception):
    """The run ends; third-party code is to give up. Not a failure of its sample."""


@dataclass(frozen=True, slots=True)
class Call:
    """One answered call. ``own``: of the model under test, not of a judge or game master."""

    request: Request
    completions: tuple[Completion, ...]
    own: bool


@dataclass(slots=True)
class Asked:
    """What one sample has asked so far, and the first call that got no answer."""

    calls: list[Call] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    failure: Failure | None = None

    @property
    def key(self) -> str:
        """A hash of all its requests, whichever came first."""
        keys = "".join(sorted(call.request.key for call in self.calls))
        return hashlib.blake2b(keys.encode(), digest_size=16).hexdigest()

    @property
    def completion(self) -> Completion | None:
        """Everything that the model under test said; its last text counts."""
        return joined([c for call in self.calls if call.own for c in call.completions])

    @property
    def judged(self) -> tuple[Completion, ...]:
        """Everything that others said: judges, game masters."""
        return tuple(c for call in self.calls if not call.own for c in call.completions)

    @property
    def messages(self) -> Messages:
        """What the model under test was asked first."""
        return next((call.request.messages for call in self.calls if call.own), ())


@dataclass(frozen=True, slots=True)
class Ending:
    """How a sample ended. ``completion`` is what was recorded, where nobody was asked by us."""

    score: Score
    completion: Completion
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Which model runs which eval, on what, within which limits, and who watches."""

    eval: str
    model: str
    provider: Provider
    journal: Journal
    limits: Limits = field(default_factory=Limits)
    judge: Judge | None = None
    observer: Observer | None = None
    tally: Tally = field(default_factory=Tally)


@dataclass(eq=False)
class Calls:
    """The calls of one run. ``ask`` and ``settle`` are for threads; the journal belongs to the
    event loop.

    ``fatal`` is the error that ended the run, if one did.
    """

    run: Run
    fatal: HarnessError | None = None
    settled: set[str] = field(default_factory=set)
    _asked: dict[str, Asked] = field(default_factory=lambda: defaultdict(Asked))
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _stopped: bool = False

    def __post_init__(self) -> None:
        self.tally = self.run.tally
        self._retried = self.tally.retries
        self._loop = asyncio.get_running_loop()
        self._provider = RetryingProvider(self.run.provider, self.run.limits)
        self._slots = asyncio.Semaphore(self.run.limits.concurrency)
        self._open: set[concurrent.futures.Future[Any]] = set()
        self._earlier, self._numbers = _journaled(self.run)

    def __deepcopy__(self, memo: object) -> Calls:
        """Solvers are copied for every sample; their connection is not."""
        return self

    # --- for threads -----------------------------------------------------------------

    def asked(self, sample_id: str | None) -> Asked:
        """What this sample has asked so far."""
        with self._lock:
            return self._asked[sample_id or OUTSIDE]

    def ask(self, sample_id: str | None, request: Request, *, own: bool) -> tuple[Completion, ...]:
        """The choices of an answer, out of the journal or from the model.

        Raises:
            ProviderError: there is none. It is noted; the sample counts as failed.
            Stopped: the run ends.
        """
        asked = self.asked(sample_id)
        with self._lock:
            repeat = asked.seen[request.key]
            asked.seen[request.key] += 1
        request = replace(request, repeat=repeat, sample_id=sample_id)
        try:
            completions = self._wait(self._answer(sample_id or OUTSIDE, request))
        except ProviderError as error:
            asked.failure = asked.failure or Failure(error.kind, str(error))
            raise
        with self._lock:
            asked.calls.append(Call(request, completions, own))
        return completions

    def settle(self, sample_id: str, ending: Ending) -> None:
        """Write down how a sample ended: a mark, no mark, or why it failed.

        Raises:
            Stopped: the run ends.
        """
        asked = self.asked(sample_id)
        who = (self.run.eval, self.run.model, sample_id, 0, asked.key)
        failure = asked.failure or ending.failure
        if failure is not None:
            outcome = Outcome(*who, failure=failure)
        else:
            completion = asked.completion or ending.completion
            scores = {"accuracy": replace(ending.score, judged=asked.judged)}
            outcome = Outcome(*who, completion, scores)
        self._wait(self._record(outcome))

    def check(self) -> None:
        """Give up where the run ends.

        Raises:
            Stopped: it does.
        """
        if self._stopped:
            raise Stopped

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Have the event loop do it; the calling thread waits."""
        with self._lock:
            if self._stopped:
                work.close()
                raise Stopped
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
            self._open.add(future)
        try:
            return future.result()
        except concurrent.futures.CancelledError as error:
            raise Stopped from error
        finally:
            self._open.discard(future)

    # --- for the event loop ----------------------------------------------------------

    def stop(self, fatal: HarnessError | None = None) -> None:
        """Let every thread that waits or asks give up."""
        with self._lock:
            self._stopped = True
            self.fatal = self.fatal or fatal
            waiting = list(self._open)
        for future in waiting:
            future.cancel()

    async def _answer(self, sample_id: str, request: Request) -> tuple[Completion, ...]:
        earlier = self._earlier.get((sample_id, request.key))
        if earlier is not None:
            return _replayed(earlier)
        try:
            completions = await self._fresh(request)
        except ProviderError as error:
            if error.fatal:
                self.stop(error)
                raise Stopped from error
            self._write(sample_id, request, failure=Failure(error.kind, str(error)))
            raise
        self._write(sample_id, request, completion=joined(completions))
        self._count(completions)
        return completions

    async def _fresh(self, request: Request) -> tuple[Completion, ...]:
        judge = self.run.judge
        provider = judge.provider if judge and judge.model == request.model else self._provider
        async with self._slots:
            self.tally.in_flight += 1
            try:
                return await provider.complete(request)
            finally:
                self.tally.in_flight -= 1
                self.tally.retries = self._retried + self._provider.retries

    def _write(
        self,
        sample_id: str,
        request: Request,
        completion: Completion | None = None,
        failure: Failure | None = None,
    ) -> None:
        """Journal one call; a disk that takes no more ends the run."""
        number = self._numbers[sample_id]
        self._numbers[sample_id] += 1
        name = self.run.eval + CALLS
        who = (name, self.run.model, sample_id, number, request.key)
        self._append(Outcome(*who, completion=completion, failure=failure))

    async def _record(self, outcome: Outcome) -> None:
        """Journal how a sample ended, unless an earlier run did."""
        self.settled.add(outcome.sample_id)
        who = (outcome.eval, outcome.model, outcome.sample_id, outcome.repeat)
        if self.run.journal.holds((*who, outcome.request_key)):
            self.tally.skipped += 1
            return
        self._append(outcome)
        if outcome.failure is None:
            self.tally.answered += 1
        else:
            self.tally.failed += 1
            self.tally.failures[outcome.failure.kind] += 1
        if self.run.observer is not None:
            self.run.observer.observe(outcome, self.tally)

    def _append(self, outcome: Outcome) -> None:
        try:
            self.run.journal.append(outcome)
        except RunFolderError as error:
            self.stop(error)
            raise Stopped from error

    def _count(self, completions: Iterable[Completion]) -> None:
        for usage in (completion.usage for completion in completions):
            if usage is not None:
                self.tally.prompt_tokens += usage.prompt_tokens
                self.tally.completion_tokens += usage.completion_tokens


# --- out of the journal --------------------------------------------------------------


def _journaled(run: Run) -> tuple[dict[tuple[str, str], Outcome], Counter[str]]:
    """Calls that count as answered, by sample and request; and how many each sample made."""
    found: dict[tuple[str, str], Outcome] = {}
    numbers: Counter[str] = Counter()
    for outcome in outcomes(run.journal.path, run.eval + CALLS, run.model):
        numbers[outcome.sample_id] = max(numbers[outcome.sample_id], outcome.repeat + 1)
        who = (outcome.eval, outcome.model, outcome.sample_id, outcome.repeat)
        if outcome.failure is None or run.journal.holds((*who, outcome.request_key)):
            found[outcome.sample_id, outcome.request_key] = outcome
    return found, numbers


def _replayed(outcome: Outcome) -> tuple[Completion, ...]:
    """What the journal says was answered; a failure fails again."""
    if outcome.completion is None:
        failure = outcome.failure or Failure("provider", "the journal holds no answer")
        error = ProviderError(failure.message)
        error.kind = failure.kind
        raise error
    return outcome.completion.parts or (outcome.completion,)
