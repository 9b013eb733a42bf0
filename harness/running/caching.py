"""Who asks through the cache: which requests are the same, and which answers may be kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from harness.models.base import Provider
from harness.records import Request, Sampling

if TYPE_CHECKING:
    from harness.running.cache import Answer, Cache


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model is asked: ``name`` tells servers apart, ``extra`` overrules the sampling."""

    name: str
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scope:
    """The place of each model; answers of a model without one are not kept."""

    others: Place | None = None
    models: Mapping[str, Place | None] = field(default_factory=dict)

    def place_of(self, model: str) -> Place | None:
        """Where the model is asked."""
        return self.models.get(model, self.others)


def is_sampled(sampling: Sampling, extra: Mapping[str, Any]) -> bool:
    """Whether the server draws by dice of its own: a temperature, and no seed."""
    said = {**sampling.extra, **extra}
    temperature = said.get("temperature", sampling.temperature)
    return said.get("seed", sampling.seed) is None and temperature != 0


def key_in(scope: Scope, request: Request, sampled: bool) -> bytes | None:
    """What the cache calls a request; None: its answer is not kept."""
    place = scope.place_of(request.model)
    if place is None or (not sampled and is_sampled(request.sampling, place.extra)):
        return None
    return blake2b(f"{request.key}{place.name}".encode(), digest_size=16).digest()


@dataclass(eq=False)
class CachingProvider:
    """Any provider, asked only for what the cache does not hold.

    It stands before the provider that waits and tries again, so that a hit waits for nobody.
    ``sampled``: answers drawn without a seed count as answers too. ``hits`` counts requests.
    """

    provider: Provider
    cache: Cache
    scope: Scope
    sampled: bool = False
    hits: int = 0

    def key_of(self, request: Request) -> bytes | None:
        """What the cache calls this request; None: its answer is not kept."""
        return key_in(self.scope, request, self.sampled)

    async def complete(self, request: Request) -> Answer:
        """The kept answer, marked as replayed; else what the provider says, which is kept.

        Raises:
            ProviderError: as the provider says.
        """
        key = self.key_of(request)
        if key is None:
            return await self.provider.complete(request)
        found = self.cache.get(key)
        if found is not None:
            self.hits += 1
            await asyncio.sleep(0)  # an answer without waiting would starve the event loop
            return found
        answer = await self.provider.complete(request)
        self.cache.put(key, answer)
        return answer

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
