"""A provider: ``--model parrot:loud`` says the last message again, in capitals."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from harness.messages import content_text
from harness.models.providers import Access
from harness.records import Completion, Request


class Parrot:
    """Answers without a server; a real one would open its connections on entry."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        """One completion for each that was asked for."""
        said = content_text(request.messages[-1].get("content"))
        text = said.upper() if request.model == "loud" else said
        return (Completion(text),) * request.sampling.n


def provider(access: Access) -> Parrot:
    """``access`` has the --base-url, key and timeout that the user gave."""
    return Parrot()
