"""Who answers, who marks and who tunes: from what a study says to what can be asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.graders import Judge, needs_judge
from harness.models.base import BatchService, Provider
from harness.models.providers import (
    DUMMY,
    OPENAI_URL,
    Access,
    ModelName,
    is_extension,
    open_provider,
    openai_batches,
    openai_provider,
    routing_provider,
)
from harness.pipeline.orders.caching import Kept
from harness.pipeline.orders.order import Order
from harness.records import EvalSpec, Study
from harness.running.retries import RetryingProvider

if TYPE_CHECKING:  # what most runs do without
    from harness.finetuning.jobs import EmbeddedTuning, TuningService
    from harness.running.batch_dispatch import BatchWatch
    from harness.running.batching import Batching

NO_KEY = "none"
"""What the control plane sends to servers that ask for no key; its client insists on one."""


@dataclass(frozen=True, slots=True)
class Services:
    """Who answers and who tunes. ``keeps_models``: tuned models outlive this process."""

    provider: Provider
    tuning: TuningService | None
    keeps_models: bool
    closing: AbstractContextManager[object]
    batches: BatchService | None = None
    shelf: EmbeddedTuning | None = None
    """Who can write tuned models into a folder and read them, where no server keeps them."""


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers while there is asking: the models, one by one or in batches, judge and cache."""

    provider: Provider
    judge: Judge | None
    kept: Kept | None = None
    batching: Batching | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Provider]:
        """The models' provider, with all connections and the cache open."""
        async with AsyncExitStack() as stack:
            if self.kept is not None:
                stack.enter_context(self.kept.cache)
            if self.judge is not None:
                await stack.enter_async_context(self.judge.provider)
            yield await stack.enter_async_context(self.provider)


def services_of(order: Order, access: Access) -> Services:
    """Who answers what is ordered: the caller's own provider, or that of the study.

    Raises:
        UsageError: no way to reach a server.
    """
    if order.provider is None:
        return services_for(order.study, access)
    return Services(order.provider, None, keeps_models=True, closing=nullcontext())


def services_for(study: Study, access: Access) -> Services:
    """Connect a study to its provider; ``access.base_url`` overrules what the study says.

    Raises:
        UsageError: no way to reach a server.
    """
    if study.routes:
        return Services(routing_provider(study.routes, access), None, True, nullcontext())
    if access.base_url is None and study.provider == "embedded":
        return _embedded_services()
    if study.provider in ("recorded", DUMMY):
        provider = open_provider(ModelName(study.provider, study.base_url or ""), access)
        return Services(provider, None, keeps_models=True, closing=nullcontext())
    reached = replace(access, base_url=access.base_url or study.base_url)
    if is_extension(study.provider):
        provider = open_provider(ModelName(study.provider, study.base), reached)
        return Services(provider, None, keeps_models=True, closing=nullcontext())
    provider = openai_provider(reached, study.base)
    batches = openai_batches(reached, study.base)
    return Services(provider, _api_tuning(study, reached), True, nullcontext(), batches)


def batching_for(
    order: Order, services: Services, watch: BatchWatch, kept: Kept | None
) -> Batching | None:
    """Who answers batches, where they are wanted.

    Raises:
        UsageError: they are, and nobody does.
    """
    if not order.batch:
        return None
    if services.batches is None:
        raise UsageError(
            f"--batch: {order.study.provider} models have no batches; leave it out, or name a "
            "server with --base-url"
        )
    if order.max_cost is not None:
        raise UsageError(
            "--max-cost cannot be kept with --batch, which sends everything at once; see what it "
            "costs with --dry-run, or bound it with --max-samples"
        )
    from harness.running.batching import Batching

    holds = kept.holds if kept else None
    return Batching(services.batches, watch, holds=holds, retry_failed=order.retry_failed)


def judge_for(
    order: Order, specs: Iterable[EvalSpec], access: Access, kept: Kept | None = None
) -> Judge | None:
    """The model that marks, if an eval wants one.

    Raises:
        UsageError: an eval wants one and none is named, or there is no way to reach it.
    """
    judged = [spec.name for spec in specs if needs_judge(spec)]
    if not judged:
        return None
    named = order.study.judge
    if named is None:
        raise UsageError(f"{judged[0]} is marked by a model; name one with --judge MODEL")
    way = order.judge_access or access
    reached = replace(way, base_url=way.base_url or order.study.base_url)
    provider = RetryingProvider(routing_provider([named], reached), order.limits, capped=False)
    return Judge(kept.judge(provider) if kept else provider, named.name)


def _embedded_services() -> Services:
    from harness.embedded.workshop import Workshop
    from harness.finetuning.jobs import EmbeddedTuning
    from harness.models.embedded import EmbeddedProvider

    workshop = Workshop()
    tuning = EmbeddedTuning(workshop)
    return Services(
        EmbeddedProvider(workshop), tuning, keeps_models=False, closing=workshop, shelf=tuning
    )


def _api_tuning(study: Study, access: Access) -> TuningService | None:
    if not any(experiment.tuning for experiment in study.experiments):
        return None
    from harness.finetuning.api import ApiTuning

    return ApiTuning(access.api_key or NO_KEY, access.base_url or access.default_url or OPENAI_URL)
