"""The Batch API of an OpenAI-compatible server, through the ``openai`` package.

It asks once and never waits or retries (that is the runner's), follows no redirect and never
shows the key. Answers are read as plain JSON: other servers leave out what the package's types
promise.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import parse_qsl, urlsplit

import orjson

from harness.errors import (
    BadResponse,
    BatchCancelled,
    BatchExpired,
    ProviderError,
    RequestRejected,
    ServerFailed,
    ServerUnreachable,
    WrongAddress,
)
from harness.models.base import BatchFault, BatchJob
from harness.models.refusals import error_of, one_line, refusal
from harness.models.server import Server, shown
from harness.models.wire import PATHS, TokensField, body, choices, parsed
from harness.records import Completion, Endpoint, Request

if TYPE_CHECKING:
    import openai

WINDOW = "24h"
"""The only completion window that the API knows."""

TRANSFER_S = 600.0
"""How long nothing may come or go while a file of up to 200 MB is sent or fetched."""

PAGE = 100
MOST_PAGES = 20
NO_KEY = "none"
"""What is sent to servers that ask for no key; the package insists on one."""

NO_BATCHES = (404, 405, 501)

Json = Mapping[str, Any]


@dataclass(eq=False)
class OpenAIBatches:
    """One server's batches; use it as an async context manager.

    Raises:
        UsageError: an address, key or header that cannot be used.
    """

    base_url: str = field(repr=False)
    api_key: str | None = field(default=None, repr=False)
    organization: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        self._server = Server(self.base_url, self.api_key, self.organization, self.headers)
        self._url = shown(self._server.url("batches"))
        self._client: openai.AsyncOpenAI | None = None
        self._renamed: set[str] = set()

    async def __aenter__(self) -> Self:
        import openai

        address = urlsplit(self.base_url.strip())
        # What is not said here the package would take from the environment.
        sent: dict[str, Any] = {
            "OpenAI-Organization": self.organization or openai.Omit(),
            "OpenAI-Project": openai.Omit(),
            **self.headers,
        }
        self._client = openai.AsyncOpenAI(
            api_key=(self.api_key or NO_KEY).strip(),
            base_url=address._replace(query="").geturl(),
            default_query=dict(parse_qsl(address.query)),
            default_headers=sent,
            timeout=self.timeout_s,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False, follow_redirects=False),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    # --- lines -----------------------------------------------------------------------

    def line(self, custom_id: str, request: Request) -> bytes:
        """The request as one line of an input file."""
        fields = {
            "custom_id": custom_id,
            "method": "POST",
            "url": _path(request.endpoint),
            "body": body(request, self._tokens_field(request)),
        }
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)

    def answer(self, result: Json, request: Request) -> tuple[Completion, ...]:
        """The choices in one line of a result file; their latency is not known."""
        response = result.get("response")
        if not isinstance(response, Mapping):
            raise self._never_asked(result.get("error"))
        status, said = response.get("status_code"), response.get("body")
        if status == 200 and isinstance(said, Mapping) and "choices" in said:
            return tuple(choices(said, request, 0.0))
        raise self._refused_line(request, status if isinstance(status, int) else 500, said)

    def _never_asked(self, error: object) -> ProviderError:
        """What an error without a response means: the request was not reached, or not met."""
        said = error if isinstance(error, Mapping) else {}
        code, message = str(said.get("code")), one_line(str(said.get("message") or ""))
        words = self._server.hidden(message or code)
        if code == "batch_expired":
            return BatchExpired(f"the batch expired before its turn: {words}")
        if code == "batch_cancelled":
            return BatchCancelled(f"the batch was cancelled before its turn: {words}")
        return ServerFailed(f"the batch did not answer ({one_line(code)}): {words}")

    def _refused_line(self, request: Request, status: int, said: object) -> ProviderError:
        raw = orjson.dumps(said)
        refused = refusal(f"the batch for {request.model!r}", request.model, status, {}, raw)
        error = error_of(replace(refused, said=self._server.hidden(refused.said)))
        if isinstance(error, RequestRejected) and self._may_rename(request, raw):
            self._renamed.add(request.model)
            return BadResponse(f"{request.model!r} takes max_completion_tokens; sent so next")
        return error

    def _tokens_field(self, request: Request) -> TokensField:
        renamed = request.endpoint == "chat" and request.model in self._renamed
        return "max_completion_tokens" if renamed else "max_tokens"

    def _may_rename(self, request: Request, raw: bytes) -> bool:
        """Whether the server asks for the new name of max_tokens: same meaning, so just do it."""
        return (
            request.endpoint == "chat"
            and request.sampling.max_tokens is not None
            and b"max_tokens" in raw
            and b"max_completion_tokens" in raw
        )

    # --- files -----------------------------------------------------------------------

    async def upload(self, path: Path, name: str) -> str:
        """Send an input file in pieces, and return its id."""
        with self._translated("uploading"), path.open("rb") as file:
            reply = await self._files.with_raw_response.create(
                file=(name, file), purpose="batch", timeout=TRANSFER_S
            )
        return self._id(self._content(reply))

    async def uploaded(self, name: str) -> str | None:
        """The id of an input file of this name that is there already."""
        with self._translated("listing files"):
            reply = await self._files.with_raw_response.list(purpose="batch")
        found = (file for file in _listed(self._content(reply)) if file.get("filename") == name)
        return next((self._id(file) for file in found), None)

    async def download(self, file_id: str, path: Path) -> None:
        """Write a result file to ``path`` and to the disk, in pieces."""
        with self._translated(f"result file {file_id}"):
            streaming = self._files.with_streaming_response
            async with streaming.content(file_id, timeout=TRANSFER_S) as reply:
                with path.open("wb") as file:
                    async for piece in reply.iter_bytes():
                        file.write(piece)
                    file.flush()
                    os.fsync(file.fileno())

    # --- batches ---------------------------------------------------------------------

    async def create(self, file_id: str, endpoint: Endpoint, labels: Mapping[str, str]) -> BatchJob:
        """Have a file answered."""
        asked: dict[str, Any] = {
            "input_file_id": file_id,
            "endpoint": _path(endpoint),
            "completion_window": WINDOW,
            "metadata": dict(labels),
        }
        with self._translated("creating a batch"):
            reply = await self._batches.with_raw_response.create(**asked)
        return self._job(self._content(reply))

    async def created(self, file_id: str, known: Collection[str]) -> BatchJob | None:
        """The batch of a file that is there already, and not among the known ones."""
        async for batch in self._all():
            if batch.get("input_file_id") == file_id and batch.get("id") not in known:
                return self._job(batch)
        return None

    async def job(self, batch_id: str) -> BatchJob:
        """How a batch is doing."""
        with self._translated(f"batch {batch_id}"):
            reply = await self._batches.with_raw_response.retrieve(batch_id)
        return self._job(self._content(reply))

    async def cancel(self, batch_id: str) -> BatchJob:
        """Stop a batch; what it answered so far is kept."""
        with self._translated(f"batch {batch_id}"):
            reply = await self._batches.with_raw_response.cancel(batch_id)
        return self._job(self._content(reply))

    async def _all(self) -> AsyncIterator[Json]:
        """The server's batches, newest first, as far back as is reasonable."""
        after: dict[str, Any] = {}
        for _ in range(MOST_PAGES):
            with self._translated("listing batches"):
                reply = await self._batches.with_raw_response.list(limit=PAGE, **after)
            content = self._content(reply)
            page = _listed(content)
            for batch in page:
                yield batch
            if not page or not content.get("has_more"):
                return
            after = {"after": str(page[-1].get("id"))}

    def _job(self, said: Json) -> BatchJob:
        counts = said.get("request_counts")
        counts = counts if isinstance(counts, Mapping) else {}
        return BatchJob(
            self._id(said),
            str(said.get("status")),
            _count(counts.get("total")),
            _count(counts.get("completed")),
            _count(counts.get("failed")),
            output_file=_text(said.get("output_file_id")),
            error_file=_text(said.get("error_file_id")),
            faults=tuple(self._faults(said.get("errors"))),
        )

    def _faults(self, errors: object) -> Iterator[BatchFault]:
        listed = errors.get("data") if isinstance(errors, Mapping) else errors
        for error in listed if isinstance(listed, list) else ():
            if isinstance(error, Mapping):
                line = error.get("line")
                yield BatchFault(
                    one_line(str(error.get("code"))),
                    self._server.hidden(one_line(str(error.get("message")))),
                    line if isinstance(line, int) else None,
                )

    # --- the package, and its errors as ours -----------------------------------------

    @property
    def _files(self) -> openai.resources.AsyncFiles:
        return self._entered.files

    @property
    def _batches(self) -> openai.resources.AsyncBatches:
        return self._entered.batches

    @property
    def _entered(self) -> openai.AsyncOpenAI:
        if self._client is None:
            raise RuntimeError("enter the service first: `async with service:`")
        return self._client

    def _content(self, reply: Any) -> Json:
        """The JSON object of a raw reply."""
        try:
            content = parsed(reply.http_response.content)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise WrongAddress(
                f"{self._url} answers, but not as an API; check --base-url: it usually ends in /v1"
            )
        return content

    def _id(self, said: Json) -> str:
        if not isinstance(said.get("id"), str):
            raise BadResponse(f"{self._url} gives something without an id; see its log")
        return str(said["id"])

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        import openai

        try:
            yield
        except openai.APIStatusError as error:
            raise self._refusal(error, what) from None
        except openai.APITimeoutError as error:
            raise ServerUnreachable(
                f"{what}: {self._url} did not answer within {self.timeout_s:g} s; raise --timeout"
            ) from error
        except openai.APIConnectionError as error:
            raise ServerUnreachable(
                f"{what}: nothing answers at {self._url}; start it or check --base-url"
            ) from error
        except _transport_error() as error:
            raise ServerUnreachable(f"{what}: {self._url} broke off its answer") from error
        except openai.OpenAIError as error:
            said = self._server.hidden(one_line(str(error)))
            raise BadResponse(f"{what}: {self._url}: {said}") from error

    def _refusal(self, error: openai.APIStatusError, what: str) -> ProviderError:
        reply = error.response
        refused = refusal(self._url, "", reply.status_code, reply.headers, _raw(reply))
        refused = replace(refused, said=self._server.hidden(refused.said))
        names_one = refused.param not in ("", "None") or "no such" in refused.said.lower()
        if reply.status_code == 404 and names_one:
            return RequestRejected(f"{what}: not at {self._url}{refused.quoted}")
        if reply.status_code in NO_BATCHES:
            return WrongAddress(
                f"{what}: {self._url} has no Batch API ({reply.status_code}){refused.quoted}; "
                "leave out --batch, or choose a server with /v1/files and /v1/batches"
            )
        return error_of(refused)


def _transport_error() -> type[Exception]:
    """What the package's HTTP library raises while a body is streamed.

    Which library that is has changed between versions of the package.
    """
    import openai

    client = openai.DefaultAsyncHttpxClient
    names = (kind.__module__.partition(".")[0] for kind in client.__mro__)
    library = import_module(next(name for name in names if name.startswith("httpx")))
    return cast("type[Exception]", library.HTTPError)


def _path(endpoint: Endpoint) -> str:
    """An endpoint as lines and batches name it, wherever the server is."""
    return f"/v1/{PATHS[endpoint]}"


def _raw(reply: Any) -> bytes:
    """The body of a refusal; one that was to be streamed may not have been read."""
    try:
        return bytes(reply.content)
    except RuntimeError:
        return b""


def _listed(content: Json) -> list[Json]:
    data = content.get("data")
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def _text(said: object) -> str | None:
    return said if isinstance(said, str) and said else None


def _count(said: object) -> int:
    return said if isinstance(said, int) else 0
