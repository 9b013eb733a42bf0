"""A model that always says the same, as OpenAI evals has one to try an eval without any model."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from harness.models.base import AlwaysOpen
from harness.records import Completion, Request

ANSWER = "This is a dummy response."


@dataclass(frozen=True)
class DummyProvider(AlwaysOpen):
    """Answers every request with one sentence; no server, no cost."""

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        """That sentence, as often as asked for."""
        await asyncio.sleep(0)  # an answer without waiting would starve the event loop
        return (Completion(ANSWER, "stop"),) * request.sampling.n
