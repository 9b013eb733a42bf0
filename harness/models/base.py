"""The seam between the runner and every model: a request goes in, its choices come out."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from harness.records import Completion, Request


class Provider(Protocol):
    """Answers requests for the models that it serves.

    Use it as an async context manager; connections are opened on entry and closed on exit.
    """

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        """Return the choices, at most ``request.sampling.n``, in the server's order.

        Raises:
            ProviderError: no usable answer; its class says whether to try again.
        """
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
