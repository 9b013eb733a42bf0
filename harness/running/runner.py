"""The runner: asks for every case that the journal lacks, grades the answers, writes them down.

A fixed pool of workers pulls from the cases, so memory does not grow with their number.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Protocol

from harness.errors import (
    CostCapReached,
    HarnessError,
    ProviderError,
    RunStopped,
    TooFewChoices,
)
from harness.graders.base import Grader
from harness.graders.generation import of_repeat
from harness.models.base import Provider
from harness.records import Completion, Failure, Outcome, Request, Sample, Score, Usage
from harness.running.journal import SYNC_EVERY_S, Answer
from harness.running.retries import Limits, RetryingProvider


@dataclass(frozen=True, slots=True)
class Case:
    """One request to make for one sample of an eval, and who marks each of its choices.

    ``graders`` names every score that an outcome gets; usually one. Where several answers are
    marked together, ``parts`` are the requests to make instead of ``request``; () asks nothing.
    """

    eval: str
    sample: Sample
    request: Request
    graders: Mapping[str, Grader]
    parts: tuple[Request, ...] | None = None

    @property
    def key(self) -> str:
        """A hash of everything that decides the answer."""
        if self.parts is None:
            return self.request.key
        keys = (self.request.model, *(part.key for part in self.parts))
        return blake2b("\n".join(keys).encode(), digest_size=16).hexdigest()

    def answers(self) -> list[Answer]:
        """What the journal calls this request's choices."""
        key, n = self.key, self.request.sampling.n
        first = self.request.repeat * n
        who = (self.eval, self.request.model, self.sample.id)
        return [(*who, repeat, key) for repeat in range(first, first + n)]


@dataclass(slots=True)
class Tally:
    """Running totals, in answers (choices), for progress and reports. Observers only read it.

    ``skipped`` were in the journal already; ``from_cache`` are requests that the cache answered;
    ``failures`` counts the failed by kind. ``window`` is how many requests may be in flight
    where that is found by itself;
    ``cost_usd`` what this call has paid, as far as prices are known.
    """

    answered: int = 0
    skipped: int = 0
    from_cache: int = 0
    failed: int = 0
    in_flight: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    window: int = 0
    cost_usd: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)


class Observer(Protocol):
    """Who watches a run. Called for every outcome, so it must be quick."""

    def observe(self, outcome: Outcome, tally: Tally) -> None:
        """See one new outcome, and the totals that include it."""
        ...


class Record(Protocol):
    """Where outcomes are written: a journal, or what stands for one."""

    def holds(self, answer: Answer) -> bool:
        """Whether this is answered, or failed for good."""
        ...

    def append(self, outcome: Outcome) -> None:
        """Write one outcome."""
        ...

    def sync(self) -> None:
        """Bring what was written to where it lasts."""
        ...


async def run_cases(
    cases: Iterable[Case],
    provider: Provider,
    journal: Record,
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    observer: Observer | None = None,
    before: Callable[[Provider], Provider] | None = None,
) -> Tally:
    """Answer and grade every case that the journal does not hold; every choice is one outcome.

    The caller has entered ``provider``; one that waits and tries again already is taken as it
    is. ``before`` puts something in front of all waiting and
    trying again, such as a cache. However the run ends, what was answered is in the
    journal and on the disk, so that the same call goes on where it ended.

    Raises:
        ProviderError: a fatal one (key, model, address, server down); the run stopped at once.
        CostCapReached: what was under way is answered and written, nothing more was sent.
        RunFolderError: the journal cannot be written.
        RunStopped: SIGTERM came. Ctrl-C cancels the run as asyncio does.
        HarnessError: what reading the cases raises, such as a DatasetError.
    """
    retrying = (
        provider if isinstance(provider, RetryingProvider) else RetryingProvider(provider, limits)
    )
    run = _Run(before(retrying) if before else retrying, retrying, journal, observer)
    shared = iter(cases)
    with stopped_by_sigterm():
        async with synced(journal) as syncer:
            await all_or_first_error([run.work(shared) for _ in range(limits.concurrency)], syncer)
    if run.broke is not None:
        raise run.broke
    return run.tally


@dataclass(eq=False)
class _Run:
    """What the workers of one run share."""

    provider: Provider
    retrying: RetryingProvider
    journal: Record
    observer: Observer | None
    tally: Tally = field(default_factory=Tally)
    broke: CostCapReached | None = None

    async def work(self, cases: Iterator[Case]) -> None:
        """Take one case after the other until none is left."""
        for case in cases:
            answers = case.answers()
            missing = [place for place, a in enumerate(answers) if not self.journal.holds(a)]
            self.tally.skipped += len(answers) - len(missing)
            if self.broke is not None:
                return
            if not missing:
                continue
            try:
                await self._take(case, answers, missing)
            except CostCapReached as error:
                self.broke = error
                return

    async def _take(self, case: Case, answers: list[Answer], missing: list[int]) -> None:
        """Ask once, and write one outcome for each missing choice."""
        self.tally.in_flight += 1
        try:
            completions, failure = await self._ask(case)
            completions = _with_usage_on(missing[0], completions)
            for place in missing:
                if place < len(completions):
                    self._record(await _marked(case, answers[place], completions[place]))
                else:
                    self._record(Outcome(*answers[place], failure=failure))
        finally:
            self.tally.in_flight -= 1

    async def _ask(self, case: Case) -> tuple[tuple[Completion, ...], Failure]:
        """The choices that came, and what to say of those that did not."""
        try:
            if case.parts is not None:
                return (await self._ask_parts(case.parts),), FEWER
            completions = await self.provider.complete(case.request)
        except TooFewChoices as error:
            came = tuple(c for c in error.completions if isinstance(c, Completion))
            return came, Failure(error.kind, str(error))
        except ProviderError as error:
            if error.fatal:
                raise
            return (), Failure(error.kind, str(error))
        return completions, FEWER

    async def _ask_parts(self, parts: Sequence[Request]) -> Completion:
        """The answers to all parts as one."""
        answered = await asyncio.gather(*map(self.provider.complete, parts))
        return joined([choices[0] for choices in answered])

    def _record(self, outcome: Outcome) -> None:
        self.journal.append(outcome)
        tally = self.tally
        tally.retries = self.retrying.retries
        tally.window = self.retrying.window
        tally.cost_usd = self.retrying.spent_usd
        count(outcome, tally)
        if self.observer is not None:
            self.observer.observe(outcome, tally)


def count(outcome: Outcome, tally: Tally) -> None:
    """Add one outcome to the totals."""
    if outcome.failure is not None:
        tally.failed += 1
        tally.failures[outcome.failure.kind] += 1
    else:
        tally.answered += 1
    if outcome.completion is not None and outcome.completion.usage is not None:
        tally.prompt_tokens += outcome.completion.usage.prompt_tokens
        tally.completion_tokens += outcome.completion.usage.completion_tokens


FEWER = Failure(TooFewChoices.kind, "fewer choices came than were asked for; use --repeats")


def _with_usage_on(first: int, completions: tuple[Completion, ...]) -> tuple[Completion, ...]:
    """Move the request's tokens to the first choice that is written, so that sums stay right."""
    if first == 0 or first >= len(completions):
        return completions
    counted = replace(completions[first], usage=completions[0].usage)
    return (*completions[:first], counted, *completions[first + 1 :])


def joined(parts: Sequence[Completion]) -> Completion:
    """Several answers as one completion that holds them."""
    usages = [part.usage for part in parts if part.usage is not None]
    return Completion(
        text="\n\n".join(part.text for part in parts),
        usage=Usage(
            sum(usage.prompt_tokens for usage in usages),
            sum(usage.completion_tokens for usage in usages),
        )
        if usages
        else None,
        latency_s=sum(part.latency_s for part in parts),
        replayed=all(part.replayed for part in parts),
        parts=tuple(parts),
    )


async def _marked(case: Case, answer: Answer, completion: Completion) -> Outcome:
    """The completion with its marks; a judge that does not answer is a failure of the sample."""
    try:
        return Outcome(*answer, completion, await _scores(case, completion, answer[3]))
    except ProviderError as error:
        if error.fatal:
            raise
        failure = Failure(f"judge_{error.kind}", f"the judge did not answer: {error}")
        return Outcome(*answer, completion, failure=failure)


async def _scores(case: Case, completion: Completion, repeat: int) -> dict[str, Score]:
    """Every grader's mark. A grader that cannot mark gives none and says why."""
    scores: dict[str, Score] = {}
    for name, grader in case.graders.items():
        try:
            scores[name] = await of_repeat(grader, repeat).grade(case.sample, completion)
        except ProviderError:
            raise
        except HarnessError as error:
            scores[name] = Score(None, reason=str(error))
        except Exception as error:
            error.add_note(f"while {name!r} graded sample {case.sample.id!r} of {case.eval!r}")
            raise
    return scores


# --- beginning and ending ------------------------------------------------------------


async def all_or_first_error(
    work: Iterable[Coroutine[None, None, None]], syncer: asyncio.Task[None]
) -> None:
    """Wait for all workers; the first error of anyone cancels the others and is raised."""
    workers = [asyncio.create_task(worker) for worker in work]
    everyone = asyncio.gather(*workers)
    try:
        either: list[asyncio.Future[Any]] = [everyone, syncer]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        await (syncer if syncer.done() else everyone)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(everyone, *workers, return_exceptions=True)


@asynccontextmanager
async def synced(journal: Record) -> AsyncIterator[asyncio.Task[None]]:
    """Bring the journal to the disk regularly, and once more at the end, however it comes."""
    syncer = asyncio.create_task(_sync_regularly(journal))
    try:
        yield syncer
    finally:
        syncer.cancel()
        try:
            await asyncio.gather(syncer, return_exceptions=True)
        finally:
            journal.sync()


async def _sync_regularly(journal: Record) -> None:
    while True:
        await asyncio.sleep(SYNC_EVERY_S)
        await asyncio.to_thread(journal.sync)


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block in good order, unless the program has its own way."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    is_main = threading.current_thread() is threading.main_thread()
    if task is None or not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    came = threading.Event()

    def stop() -> None:
        came.set()
        task.cancel()

    loop.add_signal_handler(signal.SIGTERM, stop)
    try:
        yield
    except asyncio.CancelledError:
        if not came.is_set():
            raise
        task.uncancel()
        raise RunStopped("stopped by SIGTERM; what was answered is kept: --resume") from None
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
