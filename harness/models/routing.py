"""Several providers behind one seam: each request goes where its model is served."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

from harness.errors import ModelNotFound, did_you_mean
from harness.models.base import Allowance, Provider
from harness.records import Completion, Endpoint, Request


@dataclass(frozen=True, slots=True)
class Way:
    """Who serves a model, what it is called there, and what every request to it carries."""

    provider: Provider
    model: str
    endpoint: Endpoint = "chat"
    extra: Mapping[str, Any] = field(default_factory=dict)


class RoutingProvider:
    """Sends each request the way that its model's name has; ``others`` serves every other name."""

    def __init__(self, ways: Mapping[str, Way], others: Provider | None = None) -> None:
        self._ways = dict(ways)
        self._others = others
        self._opened = AsyncExitStack()
        self.allowance: Allowance | None = None

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        """Ask where the model is served.

        Raises:
            ModelNotFound: no way to it; ProviderError: as its provider says.
        """
        way = self._ways.get(request.model)
        if way is None and self._others is not None:
            return await self._others.complete(request)
        if way is None:
            near = did_you_mean(request.model, self._ways)
            raise ModelNotFound(f"nobody serves the model {request.model!r}{near}")
        sampling = request.sampling
        if way.extra:
            sampling = replace(sampling, extra={**sampling.extra, **way.extra})
        there = replace(request, model=way.model, endpoint=way.endpoint, sampling=sampling)
        try:
            return await way.provider.complete(there)
        finally:
            self.allowance = getattr(way.provider, "allowance", None)

    async def __aenter__(self) -> Self:
        served = [*(way.provider for way in self._ways.values()), self._others]
        for provider in {id(one): one for one in served if one is not None}.values():
            await self._opened.enter_async_context(provider)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._opened.aclose()
