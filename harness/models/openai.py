"""A model behind an OpenAI-compatible server: chat or legacy completions over HTTP.

It sends one request and returns its choices or one of our errors; it never retries (that is
the runner's), never follows a redirect and never shows the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from types import TracebackType
from typing import Literal, Self

import orjson

from harness.errors import (
    BadResponse,
    ModelNotFound,
    ProviderError,
    RequestRejected,
)
from harness.models.base import Allowance
from harness.models.connection import Connection, near_models
from harness.models.ratelimits import PREFIX, allowance
from harness.models.refusals import error_of, not_the_api, one_line, refusal
from harness.models.server import Server, shown
from harness.models.wire import PATHS, TokensField, body, choices, parsed
from harness.records import Completion, Request

SURE_PAGES = 3
"""Web pages before any answer that mean a wrong address; a proxy can send one or two."""


LEFT, TOKENS_LEFT = PREFIX + "remaining-requests", PREFIX + "remaining-tokens"

NO_USAGE = "the server gives no token counts"
NO_LOGPROBS = "the server ignores logprobs"


@dataclass(eq=False)
class OpenAIProvider:
    """Asks one OpenAI-compatible server; use it as an async context manager.

    ``base_url`` usually ends in ``/v1``; its query, if any, goes with every request (Azure's
    ``api-version``). ``headers`` are sent besides the key's. ``timeout_s`` bounds one request.
    ``concurrency`` bounds the open connections (None: as many as the runner has workers).
    ``max_tokens_field`` "auto" begins with ``max_tokens`` and turns to
    ``max_completion_tokens`` for the models that ask for it. Proxies of the environment are
    not used.

    Raises:
        UsageError: an address, key or header that cannot be used.
    """

    base_url: str = field(repr=False)
    api_key: str | None = field(default=None, repr=False)
    organization: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_s: float = 60.0
    concurrency: int | None = None
    max_tokens_field: Literal["auto"] | TokensField = "auto"

    def __post_init__(self) -> None:
        self._server = Server(self.base_url, self.api_key, self.organization, self.headers)
        self._urls = {endpoint: self._server.url(path) for endpoint, path in PATHS.items()}
        self._connection = Connection(self._server, self.timeout_s, self.concurrency)
        self._renamed: set[str] = set()
        self._noticed: dict[str, None] = {}
        self._answered = False
        self._pages = 0
        self.allowance: Allowance | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the server was seen to drop or ignore, each said once, for reports."""
        return tuple(self._noticed)

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._connection.__aexit__(kind, error, trace)

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        """Ask the server once and return its choices.

        Raises:
            ProviderError: no usable answer; the message names the server and the repair.
        """
        try:
            return await self._complete(request)
        except ModelNotFound as error:
            raise ModelNotFound(
                self._server.hidden(f"{error}{await near_models(self._connection, request.model)}")
            ) from None
        except ProviderError as error:
            error.args = (self._server.hidden(str(error)), *error.args[1:])
            raise

    async def _complete(self, request: Request) -> tuple[Completion, ...]:
        tokens_field = self._tokens_field(request)
        started = perf_counter()
        status, headers, raw = await self._connection.ask(
            "POST", self._urls[request.endpoint], orjson.dumps(body(request, tokens_field))
        )
        latency_s = perf_counter() - started
        if LEFT in headers or TOKENS_LEFT in headers:
            self.allowance = allowance(headers)
        if status == 200:
            return self._choices(request, headers, raw, latency_s)
        error = self._refused(request, status, headers, raw)
        if tokens_field == "max_tokens" and self._may_rename(request, error, raw):
            self._renamed.add(request.model)
            return await self._complete(request)
        raise error

    def _choices(
        self, request: Request, headers: Mapping[str, str], raw: bytes, latency_s: float
    ) -> tuple[Completion, ...]:
        try:
            answer = parsed(raw)
        except ValueError as error:
            raise self._not_json(request, headers, raw) from error
        if not isinstance(answer, dict) or (answer.get("error") and not answer.get("choices")):
            raise self._refused(request, 200, headers, raw)
        if "choices" not in answer and "message" in answer:
            raise self._refused(request, 200, headers, raw)
        self._answered = True
        found = choices(answer, request, latency_s)
        if found[0].usage is None:
            self._noticed[NO_USAGE] = None
        if request.sampling.logprobs is not None and found[0].logprobs is None:
            self._noticed[NO_LOGPROBS] = None
        return tuple(found)

    def _refused(
        self, request: Request, status: int, headers: Mapping[str, str], raw: bytes
    ) -> ProviderError:
        refused = refusal(shown(self._urls[request.endpoint]), request.model, status, headers, raw)
        return error_of(replace(refused, said=self._server.hidden(refused.said)))

    def _not_json(self, request: Request, headers: Mapping[str, str], raw: bytes) -> ProviderError:
        url = shown(self._urls[request.endpoint])
        start = self._server.hidden(raw[:4096].decode("utf-8", "replace"))
        is_page = "html" in headers.get("Content-Type", "") or start.lstrip().startswith("<")
        self._pages += is_page
        if is_page and not self._answered and self._pages >= SURE_PAGES:
            return not_the_api(url, one_line(start))
        return BadResponse(f"{url} sent broken JSON: {one_line(start)[:80]!r}; asking again")

    def _tokens_field(self, request: Request) -> TokensField:
        if request.endpoint == "completions":
            return "max_tokens"
        if self.max_tokens_field != "auto":
            return self.max_tokens_field
        return "max_completion_tokens" if request.model in self._renamed else "max_tokens"

    def _may_rename(self, request: Request, error: ProviderError, raw: bytes) -> bool:
        """Whether the server asks for the new name of max_tokens: same meaning, so just do it."""
        return (
            isinstance(error, RequestRejected)
            and self.max_tokens_field == "auto"
            and request.endpoint == "chat"
            and request.sampling.max_tokens is not None
            and b"max_completion_tokens" in raw
        )
