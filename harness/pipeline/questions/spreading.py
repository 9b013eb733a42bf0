"""Runs spread over a cluster: what may be, and who answers in each worker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from harness.errors import UsageError
from harness.graders import needs_judge
from harness.models.providers import Access
from harness.pipeline.orders.order import Order
from harness.pipeline.orders.services import judge_for, services_for
from harness.records import EvalSpec
from harness.running.distributed import Desk, Seat, shared_out


@dataclass(frozen=True, slots=True)
class ServerSeat:
    """A worker's way to its server: a replica of its own, or the one that all share.

    It goes to the workers as it is, with the keys of the servers.
    """

    order: Order
    access: Access
    specs: tuple[EvalSpec, ...]
    replicas: tuple[str, ...] = ()

    @asynccontextmanager
    async def opened(self, number: int) -> AsyncIterator[Desk]:
        """Connect worker ``number``; with fewer replicas than workers, some share one."""
        access = self.access
        if self.replicas:
            access = replace(access, base_url=self.replicas[number % len(self.replicas)])
        services = services_for(self.order.study, access)
        judge = judge_for(self.order, self.specs, self.access)
        with services.closing:
            async with services.provider as provider:
                if judge is None:
                    yield Desk(provider, None)
                    return
                async with judge.provider:
                    yield Desk(provider, judge)


def seat_for(order: Order, access: Access, specs: Iterable[EvalSpec]) -> Seat | None:
    """How workers connect; None where the run stays in this process.

    Raises:
        UsageError: the run has something that workers elsewhere cannot do.
    """
    cluster = order.cluster
    if cluster is None:
        return None
    evals = tuple(specs)
    reason = _why_not(order, evals)
    if reason is not None:
        raise UsageError(f"--engine ray: {reason}")
    limits = shared_out(order.limits, cluster.workers)
    away = replace(order, limits=limits, prices=None)
    return ServerSeat(away, access, evals, order.replicas)


def _why_not(order: Order, specs: tuple[EvalSpec, ...]) -> str | None:
    tunes = any(experiment.tuning for experiment in order.study.experiments)
    if order.batch:
        return "batches are the server's own workers; leave out --batch or --engine"
    if order.looks is not None:
        return "it cannot stop at looks; leave out --looks and --any-time, or --engine"
    if order.provider is not None:
        return "a function of this process cannot answer elsewhere; name a server"
    if tunes and order.study.provider == "embedded":
        return "models tuned in this process cannot answer elsewhere; harness serve makes them"
    if order.max_cost is not None and any(map(needs_judge, specs)):
        return "--max-cost cannot be kept where workers ask judges of their own; leave one out"
    return None
