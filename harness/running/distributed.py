"""A run spread over the workers of a Ray cluster: the same runner in each, one journal here.

Cases go out in shards. Their outcomes come back while they are made, and this process, the
journal's only writer, writes them. A lost worker takes nothing with it: what it sent is
written, and the rest of its shard goes to another.
"""

from __future__ import annotations

import asyncio
import io
import os
import pickle
import socket
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import orjson

from harness import errors
from harness.errors import HarnessError, ProviderError, UsageError
from harness.graders.base import Judge
from harness.models.base import Provider
from harness.records import Outcome
from harness.running.journal import Answer, Journal
from harness.running.lines import line_of, outcome_of
from harness.running.retries import Limits, RetryingProvider
from harness.running.runner import (
    Case,
    Observer,
    Tally,
    all_or_first_error,
    count,
    run_cases,
    stopped_by_sigterm,
    synced,
)

SHARD = 256
"""Cases that a worker is given at a time."""

AHEAD = 2
"""Shards that a worker has at once, so that it does not wait at the end of one."""

SEND_EVERY_S = 0.2
REACHED_IN_S = 5.0
OBJECT_STORE = 1 << 30
"""Bytes of shared memory of a cluster that is begun here; what is more goes to the disk."""

MOST_LOSSES = 3
"""Workers that one shard may be lost with before the run is given up."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the workers are: at ``address``, or (None) on this machine, for this run only."""

    workers: int = 2
    address: str | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise UsageError("--workers must be 1 or more")


class Desk(NamedTuple):
    """Who answers a worker's requests, and who judges there."""

    provider: Provider
    judge: Judge | None


class Seat(Protocol):
    """How a worker connects; it is pickled and sent there."""

    def opened(self, number: int) -> AbstractAsyncContextManager[Desk]:
        """Connect worker ``number`` of 0, 1, ...; closed at its end."""
        ...


async def run_distributed(
    cases: Iterable[Case],
    cluster: Cluster,
    seat: Seat,
    journal: Journal,
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    observer: Observer | None = None,
) -> Tally:
    """Answer and grade every case that the journal does not hold, as `run_cases` does.

    The workers share out requests and tokens a minute, and the requests in flight where their
    number is fixed.

    Raises:
        UsageError: Ray is not installed, or no cluster is at the address.
        ProviderError: a fatal one of a worker, or a shard that is lost again and again.
        CostCapReached: nothing more was sent; what was under way was given up.
        RunFolderError, RunStopped, HarnessError: as `run_cases`.
    """
    with connected(cluster) as ray, stopped_by_sigterm():
        share = shared_out(limits, cluster.workers)
        stations = [_Station(ray, seat, number, share) for number in range(cluster.workers)]
        spread = _Spread(Shards(cases, journal), journal, limits, observer)
        async with synced(journal) as syncer:
            try:
                work = [spread.serve(station) for station in stations for _ in range(AHEAD)]
                await all_or_first_error(work, syncer)
            finally:
                for station in stations:
                    station.dismiss()
    return spread.tally


@contextmanager
def connected(cluster: Cluster) -> Iterator[Any]:
    """Ray, connected; what was begun here ends here.

    Raises:
        UsageError: Ray is not installed, or no cluster is at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise UsageError("--engine ray needs Ray: pip install 'finetune-harness[ray]'") from error
    begun = not ray.is_initialized()
    if begun:
        _check_reachable(cluster.address)
        where: dict[str, Any] = {"address": cluster.address} if cluster.address else {}
        local: dict[str, Any] = {
            "num_cpus": cluster.workers,
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE,
        }
        local = {} if where else local
        try:
            ray.init(**where, **local, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            place = f" at {cluster.address}" if cluster.address else ""
            said = " ".join(str(error).split())[:200]
            raise UsageError(f"no Ray cluster{place}: {said}; see --ray-address") from error
    try:
        yield ray
    finally:
        if begun:
            ray.shutdown()


def _check_reachable(address: str | None) -> None:
    """Ask for the cluster's port: Ray itself waits many minutes for one that is not there."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACHED_IN_S).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"no Ray cluster at {address}: {error}; see --ray-address") from error


def shared_out(limits: Limits, workers: int) -> Limits:
    """One worker's part of what all may do; what is spent is counted here, not there."""
    return replace(
        limits,
        concurrency=limits.concurrency
        if limits.adaptive
        else max(1, limits.concurrency // workers),
        rpm=limits.rpm / workers if limits.rpm else None,
        tpm=limits.tpm / workers if limits.tpm else None,
        purse=None,
    )


# --- here ----------------------------------------------------------------------------


@dataclass(eq=False)
class Shard:
    """Some cases that the journal lacks; ``lost`` with so many workers."""

    cases: list[Case]
    lost: int = 0

    def held(self, journal: Journal) -> frozenset[Answer]:
        """Answers that nobody needs to give again."""
        return frozenset(a for case in self.cases for a in case.answers() if journal.holds(a))


@dataclass(eq=False)
class Shards:
    """Cases in shards, without those that the journal holds; lost ones come first."""

    cases: Iterable[Case]
    journal: Journal
    skipped: int = 0
    _source: Iterator[Case] = field(init=False, repr=False)
    _again: deque[Shard] = field(default_factory=deque, repr=False)

    def __post_init__(self) -> None:
        self._source = iter(self.cases)

    def next(self) -> Shard | None:
        """The next shard; None where nothing is left."""
        if self._again:
            return self._again.popleft()
        found: list[Case] = []
        for case in self._source:
            answers = case.answers()
            held = sum(map(self.journal.holds, answers))
            self.skipped += held
            if held < len(answers):
                found.append(case)
            if len(found) == SHARD:
                break
        return Shard(found) if found else None

    def give_back(self, shard: Shard) -> None:
        """Take a shard again whose worker was lost.

        Raises:
            ProviderError: it was lost with several.
        """
        left = [c for c in shard.cases if not all(map(self.journal.holds, c.answers()))]
        if shard.lost + 1 >= MOST_LOSSES:
            raise ProviderError(
                f"{MOST_LOSSES} workers were lost over the same {len(left)} samples, from "
                f"{left[0].sample.id if left else 'none'} on; run them without --engine ray to "
                "see why; what was answered is kept: go on with --resume"
            )
        if left:
            self._again.append(Shard(left, shard.lost + 1))


@dataclass(eq=False)
class _Station:
    """One worker as it is seen from here; a lost one is replaced."""

    ray: Any
    seat: Seat
    number: int
    limits: Limits
    _actor: Any = None

    def actor(self) -> Any:
        """The worker's actor, begun where there is none."""
        if self._actor is None:
            kind = self.ray.remote(num_cpus=1, max_restarts=0, max_concurrency=AHEAD + 1)(Worker)
            self._actor = kind.remote(self.seat, self.number, self.limits)
        return self._actor

    def lose(self, actor: Any) -> None:
        """The actor is gone; another one begins with the next shard."""
        if self._actor is actor:
            self._actor = None

    def dismiss(self) -> None:
        """End the worker."""
        if self._actor is not None:
            self.ray.kill(self._actor)
            self._actor = None


@dataclass(eq=False)
class _Spread:
    """What is sent out and comes back."""

    shards: Shards
    journal: Journal
    limits: Limits
    observer: Observer | None
    tally: Tally = field(default_factory=Tally)

    async def serve(self, station: _Station) -> None:
        """Give one worker shard after shard until none is left."""
        from ray.exceptions import RayActorError

        while (shard := self.shards.next()) is not None:
            self.tally.skipped = self.shards.skipped
            actor = station.actor()
            try:
                await self._answered(actor, shard)
            except RayActorError:
                station.lose(actor)
                self.shards.give_back(shard)
        self.tally.skipped = self.shards.skipped

    async def _answered(self, actor: Any, shard: Shard) -> None:
        """Send a shard, and write what comes."""
        parcel = packed(shard.cases)
        held = shard.held(self.journal)
        stream = actor.answer.options(num_returns="streaming").remote(parcel, held)
        async for reference in stream:
            self._take(await reference)

    def _take(self, news: News) -> None:
        if news.error is not None:
            kind, message = news.error
            raise getattr(errors, kind, HarnessError)(message)
        self.tally.retries += news.retries
        for line in news.lines:
            outcome = outcome_of(orjson.loads(line))
            if not self.journal.holds(answer_of(outcome)):
                self.journal.append(outcome)
                self._pay(outcome)
                count(outcome, self.tally)
                if self.observer is not None:
                    self.observer.observe(outcome, self.tally)

    def _pay(self, outcome: Outcome) -> None:
        purse = self.limits.purse
        if purse is None:
            return
        if outcome.completion is not None and outcome.completion.usage is not None:
            purse.pay(outcome.model, (outcome.completion,))
        self.tally.cost_usd = purse.spent
        if (lack := purse.lack()) is not None:
            raise lack


def answer_of(outcome: Outcome) -> Answer:
    """What the journal calls it."""
    o = outcome
    return o.eval, o.model, o.sample_id, o.repeat, o.request_key


# --- there ---------------------------------------------------------------------------


class News(NamedTuple):
    """What a worker sends: journal lines, tries beyond the first ones, an error that ends it."""

    lines: Sequence[bytes] = ()
    retries: int = 0
    error: tuple[str, str] | None = None


@dataclass(eq=False)
class Outbox:
    """Where a worker's runner writes; it is emptied towards the journal's writer."""

    held: frozenset[Answer]
    lines: list[bytes] = field(default_factory=list)

    def holds(self, answer: Answer) -> bool:
        """Whether this is answered already."""
        return answer in self.held

    def append(self, outcome: Outcome) -> None:
        """Put an outcome in."""
        self.lines.append(line_of(outcome))

    def sync(self) -> None:
        """Nothing here is on a disk."""

    def taken(self) -> list[bytes]:
        """What is in it; it is empty then."""
        found, self.lines = self.lines, []
        return found


class Worker:
    """The actor: one provider, one limiter, and the runner over every shard that comes."""

    def __init__(self, seat: Seat, number: int, limits: Limits) -> None:
        self.seat = seat
        self.number = number
        self.limits = limits
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._asked: tuple[RetryingProvider, Judge | None] | None = None

    async def answer(self, parcel: bytes, held: frozenset[Answer]) -> AsyncIterator[News]:
        """Ask and grade what is in the parcel, and tell of it as it comes."""
        try:
            retrying, judge = await self._desk()
            outbox = Outbox(held)
            work = asyncio.create_task(
                run_cases(unpacked(parcel, judge), retrying, outbox, limits=self.limits)
            )
            before = retrying.retries
            while not work.done():
                await asyncio.wait({work}, timeout=SEND_EVERY_S)
                before, more = retrying.retries, retrying.retries - before
                if outbox.lines:
                    yield News(outbox.taken(), more)
            if outbox.lines:
                yield News(outbox.taken())
            await work
        except HarnessError as error:
            yield News(error=(type(error).__name__, str(error)))

    async def _desk(self) -> tuple[RetryingProvider, Judge | None]:
        async with self._opening:
            if self._asked is None:
                desk = await self._stack.enter_async_context(self.seat.opened(self.number))
                self._asked = RetryingProvider(desk.provider, self.limits), desk.judge
            return self._asked


# --- parcels -------------------------------------------------------------------------


def packed(cases: Sequence[Case]) -> bytes:
    """Cases to send. A judge has open connections: each worker has its own."""
    buffer = io.BytesIO()
    _Packer(buffer, pickle.HIGHEST_PROTOCOL).dump(list(cases))
    return buffer.getvalue()


def unpacked(parcel: bytes, judge: Judge | None) -> list[Case]:
    """The cases of a parcel that this run's own process packed."""
    unpacker = _Unpacker(io.BytesIO(parcel))
    unpacker.judge = judge
    cases: list[Case] = unpacker.load()
    return cases


class _Packer(pickle.Pickler):
    def persistent_id(self, value: object) -> str | None:
        return "judge" if isinstance(value, Judge) else None


class _Unpacker(pickle.Unpickler):
    judge: Judge | None = None

    def persistent_load(self, name: object) -> Judge | None:
        return self.judge
