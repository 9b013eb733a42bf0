"""The embedded model as a provider: the same answers as through its server, without a socket."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import orjson

from harness.models import wire
from harness.records import Completion, Request

if TYPE_CHECKING:
    from harness.embedded.workshop import Workshop

THREADS = 1
"""Generation holds Python's lock most of the time: a second thread made nothing faster."""


class EmbeddedProvider:
    """Answers requests from a workshop's models, beside the event loop.

    A request goes through the same JSON body as over HTTP, so that every rule is the same one:
    an unknown model is a ``ModelNotFound`` that names the nearest, a wrong parameter a
    ``RequestRejected``. The workshop stays open; who made it closes it.
    """

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="embedded")

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        """Return the request's choices; with a seed, always the same ones."""
        loop = asyncio.get_running_loop()
        answer, latency_s = await loop.run_in_executor(self._threads, self._answer, request)
        return tuple(wire.choices(answer, request, latency_s))

    def _answer(self, request: Request) -> tuple[dict[str, Any], float]:
        """The server's answer, and how long the network took for it in seconds."""
        body = orjson.loads(orjson.dumps(wire.body(request)))
        started = time.perf_counter()
        if request.endpoint == "chat":
            answer = self._workshop.chat(body)
        else:
            answer = self._workshop.complete(body)
        return answer, time.perf_counter() - started

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
