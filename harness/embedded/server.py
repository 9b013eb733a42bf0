"""The workshop as an OpenAI-compatible HTTP API. Every rule and shape is the workshop's own."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import TypeVar, cast

import orjson
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness.embedded.listing import Json, page
from harness.embedded.refusals import Refusal
from harness.embedded.workshop import Workshop

MOST_JSON_BYTES = 4 * 2**20
MOST_UPLOAD_BYTES = 64 * 2**20
UPLOADS = "/v1/files"
JOBS = "/v1/fine_tuning/jobs"
BATCHES = "/v1/batches"
GENERATING_THREADS = 2
T = TypeVar("T")


def application(workshop: Workshop, api_key: str | None = None) -> Starlette:
    """Return the API over a workshop; with a key, every request must carry it."""
    api = Api(workshop)
    return Starlette(
        routes=[
            Route("/v1/models", api.list_models),
            Route("/v1/models/{id:path}", api.model, methods=["GET", "DELETE"]),
            Route("/v1/chat/completions", api.chat, methods=["POST"]),
            Route("/v1/completions", api.complete, methods=["POST"]),
            Route("/v1/embeddings", api.embed, methods=["POST"]),
            Route(UPLOADS, api.list_files, methods=["GET"]),
            Route(UPLOADS, api.upload, methods=["POST"]),
            Route(UPLOADS + "/{id}", api.file, methods=["GET", "DELETE"]),
            Route(UPLOADS + "/{id}/content", api.file_content),
            Route(BATCHES, api.list_batches, methods=["GET"]),
            Route(BATCHES, api.create_batch, methods=["POST"]),
            Route(BATCHES + "/{id}", api.batch),
            Route(BATCHES + "/{id}/cancel", api.cancel_batch, methods=["POST"]),
            Route(JOBS, api.list_jobs, methods=["GET"]),
            Route(JOBS, api.create_job, methods=["POST"]),
            Route(JOBS + "/{id}", api.job),
            Route(JOBS + "/{id}/cancel", api.cancel_job, methods=["POST"]),
            Route(JOBS + "/{id}/events", api.job_events),
            Route(JOBS + "/{id}/checkpoints", api.job_checkpoints),
        ],
        middleware=[Middleware(Gate, api_key=api_key)],
        exception_handlers={Refusal: refused, HTTPException: not_here, Exception: failed},
    )


class Api:
    """One method a route: read the request, ask the workshop, answer."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.generating = CapacityLimiter(GENERATING_THREADS)

    async def list_models(self, request: Request) -> Response:
        """All models."""
        return answer(page([model.json for model in self.workshop.models.all()]))

    async def model(self, request: Request) -> Response:
        """One model, or its deletion."""
        name = request.path_params["id"]
        if request.method == "DELETE":
            self.workshop.models.delete(name)
            return answer({"id": name, "object": "model", "deleted": True})
        return answer(self.workshop.models.find(name).json)

    async def chat(self, request: Request) -> Response:
        """An answer to a chat, whole or as a stream."""
        body = await json_body(request)
        if body.get("stream") is True:
            return events(await self.generate(partial(self.workshop.chat_stream, body)))
        return answer(await self.generate(partial(self.workshop.chat, body)))

    async def complete(self, request: Request) -> Response:
        """The continuation of a text, whole or as a stream."""
        body = await json_body(request)
        if body.get("stream") is True:
            return events(await self.generate(partial(self.workshop.complete_stream, body)))
        return answer(await self.generate(partial(self.workshop.complete, body)))

    async def embed(self, request: Request) -> Response:
        """Texts as vectors."""
        body = await json_body(request)
        return answer(await self.generate(partial(self.workshop.embed, body)))

    async def generate(self, work: Callable[[], T]) -> T:
        """Run the network beside the event loop, in a few threads: more only wait for another."""
        return await to_thread.run_sync(work, limiter=self.generating)

    async def list_files(self, request: Request) -> Response:
        """The files, newest first."""
        stored = self.workshop.files.newest_first(request.query_params.get("purpose"))
        return answer(paged(request, [file.json for file in stored], default=10_000, most=10_000))

    async def upload(self, request: Request) -> Response:
        """A new file, from a form with ``file`` and ``purpose``."""
        async with request.form() as form:
            file, purpose = form.get("file"), form.get("purpose")
            if not isinstance(file, UploadFile):
                raise missing("file")
            if not isinstance(purpose, str):
                raise missing("purpose")
            data = await file.read()
        name = file.filename or "upload"
        return answer(self.workshop.files.upload(name, purpose, data).json)

    async def file(self, request: Request) -> Response:
        """One file, or its deletion."""
        file_id = request.path_params["id"]
        if request.method == "DELETE":
            self.workshop.files.delete(file_id)
            return answer({"id": file_id, "object": "file", "deleted": True})
        return answer(self.workshop.files.find(file_id).json)

    async def file_content(self, request: Request) -> Response:
        """A file's bytes."""
        stored = self.workshop.files.find(request.path_params["id"])
        return Response(stored.data, media_type="application/octet-stream")

    async def list_batches(self, request: Request) -> Response:
        """The batches, newest first."""
        return answer(paged(request, self.workshop.batches.newest_first()))

    async def create_batch(self, request: Request) -> Response:
        """A new batch of requests."""
        return answer(self.workshop.batches.create(await json_body(request)))

    async def batch(self, request: Request) -> Response:
        """One batch."""
        return answer(self.workshop.batches.batch(request.path_params["id"]))

    async def cancel_batch(self, request: Request) -> Response:
        """The end of a batch that has not ended."""
        return answer(self.workshop.batches.cancel(request.path_params["id"]))

    async def list_jobs(self, request: Request) -> Response:
        """The fine-tuning jobs, newest first."""
        return answer(paged(request, self.workshop.jobs.newest_first()))

    async def create_job(self, request: Request) -> Response:
        """A new fine-tuning job; reading a large training file takes a moment."""
        body = await json_body(request)
        return answer(await to_thread.run_sync(self.workshop.jobs.create, body))

    async def job(self, request: Request) -> Response:
        """One job."""
        return answer(self.workshop.jobs.job(request.path_params["id"]))

    async def cancel_job(self, request: Request) -> Response:
        """The end of a job that has not finished."""
        return answer(self.workshop.jobs.cancel(request.path_params["id"]))

    async def job_events(self, request: Request) -> Response:
        """A job's events, newest first."""
        found = self.workshop.jobs.events(request.path_params["id"])
        return answer(paged(request, found[::-1]))

    async def job_checkpoints(self, request: Request) -> Response:
        """A job's checkpoints, newest first."""
        found = self.workshop.jobs.checkpoints(request.path_params["id"])
        return answer(paged(request, found[::-1], default=10))


# --- reading -------------------------------------------------------------------------


async def json_body(request: Request) -> Json:
    """Return the request's JSON object."""
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise Refusal(f"We could not parse the JSON body of your request: {error}") from None
    if not isinstance(body, dict):
        raise Refusal("The JSON body of a request must be an object.")
    return body


def paged(request: Request, objects: list[Json], default: int = 20, most: int = 100) -> Json:
    """Return the page of a list that the query asks for."""
    limit = request.query_params.get("limit", str(default))
    if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit) <= most:
        raise Refusal(
            f"Invalid 'limit': it must be an integer from 1 to {most}, not {limit[:20]!r}",
            param="limit",
            code="invalid_value",
        )
    return page(objects, int(limit), request.query_params.get("after"))


def missing(param: str) -> Refusal:
    """Return the refusal of a form that lacks a field."""
    return Refusal(
        f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
    )


# --- answering -----------------------------------------------------------------------


def answer(content: Json, status: int = 200) -> Response:
    """Return a JSON response."""
    return Response(orjson.dumps(content), status_code=status, media_type="application/json")


def events(chunks: Iterator[Json]) -> Response:
    """Return a stream of server-sent events, closed as the hosted API closes it."""

    async def lines() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield b"data: " + orjson.dumps(chunk) + b"\n\n"
        yield b"data: [DONE]\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


async def refused(request: Request, error: Exception) -> Response:
    """Answer a refusal with its error object."""
    refusal = cast("Refusal", error)
    return answer(refusal.body, refusal.status)


async def not_here(request: Request, error: Exception) -> Response:
    """Answer an unknown path, a wrong method or a broken form."""
    fault = cast("HTTPException", error)
    call = f"{request.method} {request.url.path}"
    sentences = {404: f"Invalid URL ({call})", 405: f"Not allowed: {call}"}
    message = sentences.get(fault.status_code, fault.detail)
    return answer(Refusal(message, status=fault.status_code).body, fault.status_code)


async def failed(request: Request, error: Exception) -> Response:
    """Answer a fault of the server itself."""
    return answer(Refusal(f"The server failed: {type(error).__name__}", status=500).body, 500)


# --- the gate ------------------------------------------------------------------------


class Gate:
    """Lets no request in without the key, and no body that is larger than it may be."""

    def __init__(self, app: ASGIApp, api_key: str | None) -> None:
        self.app = app
        self.api_key = api_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if not self.admits(dict(scope["headers"]).get(b"authorization", b"")):
            refusal = Refusal(
                "Incorrect API key provided: start the client with the server's key",
                status=401,
                code="invalid_api_key",
            )
            return await answer(refusal.body, 401)(scope, receive, send)
        most = MOST_UPLOAD_BYTES if scope["path"] == UPLOADS else MOST_JSON_BYTES
        return await self.app(scope, limited(receive, most), send)

    def admits(self, authorization: bytes) -> bool:
        """Whether a request's header carries the key; any does when there is none."""
        if self.api_key is None:
            return True
        return secrets.compare_digest(authorization, f"Bearer {self.api_key}".encode())


def limited(receive: Receive, most: int) -> Receive:
    """Return a receive that refuses a body of more bytes, after reading it to its end.

    A client that is still sending would see a broken connection instead of the refusal.
    """
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            while message.get("more_body"):
                message = await receive()
            raise Refusal(f"The request's body is larger than {most} bytes.")
        return message

    return counted
