"""The seam between the runner and every model: a request goes in, its choices come out.

Beside it the seam for batches: files of requests go in, files of answers come out, hours later.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from harness.records import Completion, Endpoint, Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a server says is left of its limits, and in how many seconds they are whole again.

    A provider that hears of it keeps the latest one as its attribute ``allowance``.
    """

    requests: float | None = None
    requests_reset_s: float | None = None
    tokens: float | None = None
    tokens_reset_s: float | None = None


class AlwaysOpen:
    """What a provider without connections is opened and closed by: nothing happens."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Opened(Protocol):
    """What is used as an async context manager: open inside the block, closed behind it."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Provider(Opened, Protocol):
    """Answers requests for the models that it serves.

    Use it as an async context manager; connections are opened on entry and closed on exit.
    """

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        """Return the choices, at most ``request.sampling.n``, in the server's order.

        Raises:
            ProviderError: no usable answer; its class says whether to try again.
        """
        ...


class EmbeddingModel(Opened, Protocol):
    """Turns texts into vectors. Use it as an async context manager, as a provider."""

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector a text, (texts, dimensions), asking once; no text may be empty.

        Raises:
            ProviderError: no usable vectors; its class says whether to try again.
        """
        ...


@dataclass(frozen=True, slots=True)
class BatchFault:
    """Why a server does not process a batch; ``line`` of its file from 1, if it is in one."""

    code: str
    message: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class BatchJob:
    """What a server says about a batch: its state, how far it is, and where the results are."""

    id: str
    status: str
    total: int = 0
    completed: int = 0
    failed: int = 0
    output_file: str | None = None
    error_file: str | None = None
    faults: tuple[BatchFault, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in ("completed", "failed", "expired", "cancelled")


class BatchService(Opened, Protocol):
    """Takes files of requests and answers them when it has time, in any order.

    Use it as an async context manager. Every method that asks the server asks once and raises
    a ProviderError, whose class says whether to try again.
    """

    def line(self, custom_id: str, request: Request) -> bytes:
        """The request as one line of an input file, with its line break."""
        ...

    def answer(self, result: Mapping[str, Any], request: Request) -> tuple[Completion, ...]:
        """The choices in one line of a result file.

        Raises:
            ProviderError: what it holds instead.
        """
        ...

    async def upload(self, path: Path, name: str) -> str:
        """Send an input file, and return its id there."""
        ...

    async def uploaded(self, name: str) -> str | None:
        """The id of an input file of this name that is there already."""
        ...

    async def create(self, file_id: str, endpoint: Endpoint, labels: Mapping[str, str]) -> BatchJob:
        """Have a file of requests to one endpoint answered."""
        ...

    async def created(self, file_id: str, known: Collection[str]) -> BatchJob | None:
        """The batch of a file that is there already, and not among the known ones."""
        ...

    async def job(self, batch_id: str) -> BatchJob:
        """How a batch is doing."""
        ...

    async def cancel(self, batch_id: str) -> BatchJob:
        """Stop a batch; what it answered so far is kept."""
        ...

    async def download(self, file_id: str, path: Path) -> None:
        """Write a result file to ``path``."""
        ...
