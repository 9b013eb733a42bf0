"""Bringing batches to the server and their results back, whatever happens in between.

Every step is noted in the ledger. Where a step may have been done without being noted, what it
would have made is looked for at the server first, so that nothing is sent twice.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from harness.errors import (
    ModelNotFound,
    ProviderError,
    RateLimited,
    RequestRejected,
    RunFolderError,
    ServerDown,
)
from harness.models.base import BatchJob, BatchService
from harness.running.batch_ledger import Ledger, Part

TOO_MANY_TOKENS = "token_limit_exceeded"
"""The account may have no more tokens waiting: the batch can be sent when others have ended."""

SHOWN_FAULTS = 3
GROWTH = 1.5
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """What one input file may hold, how often to send, and how patiently to wait.

    The defaults stay below OpenAI's 50,000 requests and 200 MB a file. A request is sent at
    most ``rounds`` times in one call, where there was room for all at once. Batches are looked
    at every ``first_poll_s`` seconds in the beginning and every ``longest_poll_s`` in the end;
    a server that does not answer is given up after ``patience_s``, batches that do not end
    after ``longest_s``.
    """

    requests: int = 50_000
    bytes: int = 190_000_000
    rounds: int = 3
    first_poll_s: float = 1.0
    longest_poll_s: float = 30.0
    patience_s: float = 600.0
    longest_s: float = 26 * 3600.0


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far the batches of a round are, as the server counts."""

    batches: int
    ended: int
    requests: int
    completed: int
    failed: int
    elapsed_s: float

    @property
    def remaining_s(self) -> float | None:
        """How long the rest takes at the pace so far; None before there is one."""
        done = self.completed + self.failed
        return self.elapsed_s * (self.requests - done) / done if done else None


class BatchWatch(Protocol):
    """Who watches batches."""

    def batched(self, progress: BatchProgress) -> None:
        """The server was asked how far it is."""
        ...


@dataclass(eq=False)
class Dispatch:
    """Sends the parts of a ledger, waits for their batches and fetches the results.

    ``unsure`` are the parts that may be at the server although the ledger does not say so.
    """

    service: BatchService
    ledger: Ledger
    limits: BatchLimits
    watch: BatchWatch | None = None
    unsure: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.unsure = {part.number for part in self.ledger.under_way}

    async def finish(self) -> list[Part]:
        """Send what is not sent, wait for all that is, and return the parts, which have ended.

        Raises:
            ProviderError: a batch was refused, or the server does not answer any more.
            RunFolderError: the server does not know a batch, or a file cannot be written.
        """
        parts = self.ledger.under_way
        for part in parts:
            await self._submit(part)
        await self._poll(_Round([part.number for part in parts]))
        return [self.ledger.parts[part.number] for part in parts]

    # --- sending ---------------------------------------------------------------------

    async def _submit(self, part: Part) -> None:
        """Bring a part to the server, unless it is there."""
        if part.file is None:
            file = await self._patiently(lambda: self._uploaded(part))
            part = self.ledger.note(part.number, file=file)
        if part.batch is None:
            placed = part
            job = await self._patiently(lambda: self._created(placed))
            self.ledger.note(part.number, batch=job.id)

    async def _uploaded(self, part: Part) -> str:
        """The id of a part's file; one that may be there already is looked for first."""
        name = f"{self.ledger.token}-{part.number:04}.jsonl"
        found = await self.service.uploaded(name) if part.number in self.unsure else None
        if found is not None:
            return found
        self.unsure.add(part.number)
        file = await self.service.upload(self.ledger.folder / part.input_name, name)
        self.unsure.discard(part.number)
        return file

    async def _created(self, part: Part) -> BatchJob:
        """A part's batch; one that may be there already is looked for first."""
        file = part.file or ""
        if part.number in self.unsure:
            known = {one.batch for one in self.ledger.parts.values() if one.batch}
            found = await self.service.created(file, known)
            if found is not None:
                return found
        self.unsure.add(part.number)
        labels = {"harness": self.ledger.token, "part": str(part.number)}
        return await self.service.create(file, part.endpoint, labels)

    # --- waiting ---------------------------------------------------------------------

    async def _poll(self, round: _Round) -> None:
        """Look at the batches under way, less and less often, until all have ended."""
        began, wait_s = _now(), self.limits.first_poll_s
        while parts := self.ledger.under_way:
            for part in parts:
                round.jobs[part.number] = await self._job(part)
                self._tell(round, _now() - began)
                await self._end(part, round.jobs[part.number])
            if not self.ledger.under_way:
                return
            if _now() - began > self.limits.longest_s:
                raise ServerDown(f"batches did not end in {self.limits.longest_s / 3600:g} h")
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * GROWTH, self.limits.longest_poll_s)

    async def _job(self, part: Part) -> BatchJob:
        try:
            return await self._patiently(lambda: self.service.job(part.batch or ""))
        except RequestRejected as error:
            raise RunFolderError(
                f"{self.ledger.path}: the server does not know {part.batch} ({error}); if it is "
                f"gone for good, remove {self.ledger.folder} and --resume to send its requests anew"
            ) from error

    def _tell(self, round: _Round, elapsed_s: float) -> None:
        if self.watch is not None:
            self.watch.batched(round.progress(self.ledger, elapsed_s))

    # --- fetching --------------------------------------------------------------------

    async def _end(self, part: Part, job: BatchJob) -> None:
        """Fetch what a batch left, if it has ended, and note that it has."""
        if not job.ended:
            return
        names = [
            await self._fetched(f"{kind}-{part.number:04}.jsonl", file)
            for kind, file in (("errors", job.error_file), ("output", job.output_file))
            if file is not None
        ]
        crowded = any(fault.code == TOO_MANY_TOKENS for fault in job.faults)
        status = TOO_MANY_TOKENS if job.status == "failed" and crowded else job.status
        self.ledger.note(part.number, ended=status, results=tuple(names))
        if status == "failed":
            raise self._refused(part, job)
        (self.ledger.folder / part.input_name).unlink(missing_ok=True)

    async def _fetched(self, name: str, file_id: str) -> str:
        """Bring a result file here, under its name only when it is whole."""
        path = self.ledger.folder / name
        partial = path.with_suffix(".partial")
        try:
            await self._patiently(lambda: self.service.download(file_id, partial))
            os.replace(partial, path)
        except OSError as error:
            raise RunFolderError(
                f"{path}: cannot be written ({error.strerror}); make room, then --resume"
            ) from error
        return name

    def _refused(self, part: Part, job: BatchJob) -> ProviderError:
        """A batch that the server did not begin: what is wrong, and where."""
        path = self.ledger.folder / part.input_name
        faults = [
            f"{path}:{fault.line}: {fault.message}" if fault.line else fault.message
            for fault in job.faults[:SHOWN_FAULTS]
        ]
        more = len(job.faults) - SHOWN_FAULTS
        said = "; ".join(faults) or "it does not say why"
        said += f"; and {more} more" if more > 0 else ""
        message = (
            f"the server refuses {part.batch} with {part.requests:,} requests to {part.model!r}: "
            f"{said}; none of them was answered: repair that, then --resume"
        )
        unknown = any(fault.code == "model_not_found" for fault in job.faults)
        return ModelNotFound(message) if unknown else RequestRejected(message)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the server until it answers, in growing intervals, but not for ever."""
        began, wait_s = _now(), self.limits.first_poll_s
        while True:
            try:
                return await ask()
            except ProviderError as error:
                if not error.retryable or _now() - began > self.limits.patience_s:
                    raise
                told_s = error.retry_after_s if isinstance(error, RateLimited) else None
                await asyncio.sleep(max(wait_s, told_s or 0.0))
                wait_s = min(wait_s * 2, self.limits.longest_poll_s)


@dataclass(eq=False)
class _Round:
    """The parts that are waited for together, and what was last said of each."""

    numbers: Iterable[int]
    jobs: dict[int, BatchJob] = field(default_factory=dict)

    def progress(self, ledger: Ledger, elapsed_s: float) -> BatchProgress:
        """How far they are."""
        numbers, jobs = list(self.numbers), self.jobs.values()
        return BatchProgress(
            len(numbers),
            sum(job.ended for job in jobs),
            sum(ledger.parts[number].requests for number in numbers),
            sum(job.completed for job in jobs),
            sum(job.failed for job in jobs),
            elapsed_s,
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
