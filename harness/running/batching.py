"""Batches: everything that the journal lacks is sent in files, and graded when the answers come.

A server answers a batch within a day. Nothing of that time depends on this process: what was
sent is in the ledger, so whoever goes on waits for the same batches instead of sending again.
When all results are here, the runner grades them and writes them down as it does with answers
that it asked for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

from harness.errors import (
    BadResponse,
    BatchCancelled,
    ProviderError,
    RateLimited,
    RunFolderError,
    Unanswered,
)
from harness.models.base import AlwaysOpen, BatchService, Provider
from harness.records import Completion, Request
from harness.running.batch_dispatch import TOO_MANY_TOKENS, BatchLimits, BatchWatch, Dispatch
from harness.running.batch_ledger import FOLDER, Ledger, Part
from harness.running.batch_requests import RequestFiles
from harness.running.batch_results import Results, requests_of
from harness.running.journal import Journal
from harness.running.retries import Limits
from harness.running.runner import Case, Observer, Tally, run_cases, stopped_by_sigterm

AT_ONCE = 20
"""So many batches at once, about, where an account has no room for all."""


@dataclass(frozen=True, slots=True)
class Batching:
    """Who answers batches and how; with ``retry_failed`` what failed earlier is sent again.

    Requests that something else ``holds``, such as a cache, are not sent.
    """

    service: BatchService
    watch: BatchWatch | None = None
    limits: BatchLimits = field(default_factory=BatchLimits)
    holds: Callable[[Request], bool] | None = None
    retry_failed: bool = False


async def run_batched(
    cases: Callable[[], Iterable[Case]],
    batching: Batching,
    journal: Journal,
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    observer: Observer | None = None,
    before: Callable[[Provider], Provider] | None = None,
) -> Tally:
    """Answer and grade every case that the journal does not hold, through batches.

    ``cases`` is called several times and gives the same cases each time. Graders that ask a
    model ask it directly. However the run ends, the same call goes on where it ended and
    sends no request again that a batch holds.

    Raises:
        ProviderError: a batch was refused or cancelled, or an error as of ``run_cases``; the
            answers that came are in the journal.
        RunFolderError: a file cannot be written, or the server does not know a batch any more.
        RunStopped: SIGTERM came; the batches go on.
    """
    collection = Collection(cases, batching, journal, Ledger.open(journal.path.parent / FOLDER))
    with stopped_by_sigterm():
        async with batching.service:
            await collection.collect()
    tally = await run_cases(
        collection.settled(),
        Answers(collection),
        journal,
        limits=replace(limits, adaptive=False, rpm=None, tpm=None),
        observer=observer,
        before=before,
    )
    if collection.stop is not None:
        raise collection.stop
    return tally


@dataclass(eq=False)
class Collection:
    """The results of a run's batches: those that lie here, and those that are still to come.

    ``old`` are the parts whose results were here before; ``stop`` is why nothing more is sent;
    ``most`` is how many requests a part may hold now.
    """

    cases: Callable[[], Iterable[Case]]
    batching: Batching
    journal: Journal
    ledger: Ledger
    results: Results = field(default_factory=Results)
    old: frozenset[int] = frozenset()
    stop: ProviderError | None = None
    most: int = 0

    def __post_init__(self) -> None:
        self.most = self.batching.limits.requests
        ended = [part for part in self.ledger.parts.values() if part.ended is not None]
        self.old = frozenset(part.number for part in ended)
        self._take_in(ended)

    async def collect(self) -> None:
        """Wait for what was sent, send what is owed, and again, as long as that can help.

        A round that brought first results is not counted: there may have been no room for all.
        """
        batching = self.batching
        dispatch = Dispatch(batching.service, self.ledger, batching.limits, batching.watch)
        self._take_in(await dispatch.finish())
        again = 0
        while self.stop is None and again < batching.limits.rounds - 1 and self._prepare():
            before = len(self.results)
            ended = await dispatch.finish()
            self._take_in(ended)
            if all(part.ended == TOO_MANY_TOKENS for part in ended):
                await self._shrink(ended)
            elif len(self.results) == before:
                again += 1

    def settled(self) -> Iterator[Case]:
        """The cases that need nothing more, their requests marked with their custom ids."""
        for case in self.cases():
            asked = requests_of(case)
            if self.stop is None or self._is_answered(case) or all(map(self._is_settled, asked)):
                marked = tuple(replace(request, sample_id=name) for name, request in asked)
                if case.parts is None:
                    yield replace(case, request=marked[0])
                else:
                    yield replace(case, parts=marked)

    def answer(self, custom_id: str, request: Request) -> tuple[Completion, ...]:
        """What came for a request.

        Raises:
            ProviderError: nothing usable; what the result says instead.
        """
        result = self.results.find(custom_id)
        if result is None:
            raise BadResponse("no batch gave a result for this request")
        return self.batching.service.answer(result.line, request)

    # --- what to send ----------------------------------------------------------------

    def _prepare(self) -> bool:
        """Write what is owed to files, and note them; False where there is nothing to send."""
        first = max(self.ledger.parts, default=0) + 1
        files = RequestFiles(self.ledger.folder, first, self.most, self.batching.limits.bytes)
        is_short_of_room = self.most < self.batching.limits.requests
        with closing(files):
            for custom_id, request in self._owed():
                if is_short_of_room and len(files.parts) == AT_ONCE:
                    break
                files.write(request, self.batching.service.line(custom_id, request))
        if self.stop is not None:
            return False
        for part in files.parts:
            self.ledger.add(part)
        return bool(files.parts)

    def _owed(self) -> Iterator[tuple[str, Request]]:
        """Every request that is to be sent now, once."""
        seen: set[str] = set()
        for case in self.cases():
            if self._is_answered(case):
                continue
            for custom_id, request in requests_of(case):
                if custom_id not in seen and self._is_owed(custom_id, request):
                    seen.add(custom_id)
                    yield custom_id, request

    def _is_answered(self, case: Case) -> bool:
        return all(map(self.journal.holds, case.answers()))

    def _is_held(self, request: Request) -> bool:
        return self.batching.holds is not None and self.batching.holds(request)

    def _is_owed(self, custom_id: str, request: Request) -> bool:
        """Whether a request is to be sent, for the first time or again.

        What stopped an earlier run may be repaired by now; what stops this one does so.
        """
        if self._is_held(request):
            return False
        result = self.results.find(custom_id)
        if result is None:
            return True
        try:
            self.batching.service.answer(result.line, request)
        except ProviderError as error:
            if result.part in self.old:
                return error.retryable or error.fatal or self.batching.retry_failed
            if error.fatal:
                self.stop = self.stop or error
            return error.retryable
        return False

    def _is_settled(self, asked: tuple[str, Request]) -> bool:
        """Whether sending a request again would change nothing."""
        if self._is_held(asked[1]):
            return True
        try:
            self.answer(*asked)
        except ProviderError as error:
            return not (error.retryable or error.fatal)
        return True

    # --- what came -------------------------------------------------------------------

    def _take_in(self, parts: Iterable[Part]) -> None:
        """Index the results of parts that have ended."""
        for part in parts:
            try:
                self.results.add(part.number, [self.ledger.folder / n for n in part.results])
            except OSError as error:
                folder = self.ledger.folder
                raise RunFolderError(
                    f"{folder}: the results of {part.batch} cannot be read ({error.strerror}); "
                    f"remove {folder} and --resume to send the requests anew"
                ) from error
            if part.ended == "cancelled" and part.number not in self.old:
                self.stop = BatchCancelled(
                    f"{part.batch} was cancelled; the answers that it gave before are kept: "
                    "send the rest with --batch --resume, or ask it directly with --resume"
                )

    async def _shrink(self, parts: list[Part]) -> None:
        """Nothing of ours is waiting, and still there was no room: send less at once."""
        largest = max(part.requests for part in parts)
        if largest == 1:
            raise RateLimited(
                f"the account may have no more tokens waiting for {parts[0].model!r}; wait for "
                "other batches of it to end, then --resume"
            )
        self.most = largest // 2
        await asyncio.sleep(self.batching.limits.first_poll_s)


@dataclass(eq=False)
class Answers(AlwaysOpen):
    """The results as a provider: a request finds its own by the custom id that it carries."""

    collection: Collection

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        """Return what came; an error that sending again did not mend is one for good."""
        try:
            return self.collection.answer(request.sample_id or "", request)
        except ProviderError as error:
            if not error.retryable:
                raise
            raise Unanswered(error.kind, f"{error} (sent again in vain)") from error
