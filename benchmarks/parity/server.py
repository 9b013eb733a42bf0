"""An OpenAI-compatible server over real HTTP that answers two sides alike and remembers both.

``http://127.0.0.1:<port>/<side>/v1`` is the address of a side; its requests are counted.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from benchmarks.parity.answers import Answers

DEFAULTS: Mapping[str, Any] = {"n": 1}
"""Parameters that say the same when they are absent."""

LEGACY = ("gpt-3.5-turbo-instruct", "davinci-002")
"""Models that are asked for legacy completions."""


@dataclass(frozen=True)
class ParityServer:
    """Where a running server listens, and what each side has asked it so far."""

    address: str
    asked: Mapping[str, Counter[bytes]]
    """By side: every request's body in canonical form, and how often it came."""

    def base_url(self, side: str) -> str:
        """What the clients of one side are pointed to."""
        return f"{self.address}/{side}/v1"


@contextmanager
def parity_server(answers: Answers) -> Iterator[ParityServer]:
    """Serve from a thread of its own until the block ends."""
    running = _Running(answers)
    thread = threading.Thread(target=running.serve, daemon=True)
    thread.start()
    try:
        running.ready.wait()
        if running.failure is not None:
            raise running.failure
        yield ParityServer(running.address, running.asked)
    finally:
        running.stop()
        thread.join()


@dataclass
class _Running:
    answers: Answers
    asked: defaultdict[str, Counter[bytes]] = field(default_factory=lambda: defaultdict(Counter))
    ready: threading.Event = field(default_factory=threading.Event)
    address: str = ""
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    failure: BaseException | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def serve(self) -> None:
        try:
            self.loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            self.failure = error
        finally:
            self.loop.close()
            self.ready.set()

    def stop(self) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.done.set)

    async def _serve(self) -> None:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/{side}/v1/chat/completions", self._chat)
        app.router.add_post("/{side}/v1/completions", self._legacy)
        app.router.add_get("/{side}/v1/models", models)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.address = f"http://{host}:{port}"
        self.ready.set()
        await self.done.wait()
        await runner.cleanup()

    async def _chat(self, request: web.Request) -> web.Response:
        body = await self._counted(request)
        text = self.answers.to(body["messages"], body["model"])
        choice = {"message": {"role": "assistant", "content": text}}
        return answered(body, "chat.completion", choice, text)

    async def _legacy(self, request: web.Request) -> web.Response:
        body = await self._counted(request)
        text = self.answers.to([{"content": body["prompt"]}], body["model"])
        return answered(body, "text_completion", {"text": text}, text)

    async def _counted(self, request: web.Request) -> dict[str, Any]:
        body: dict[str, Any] = orjson.loads(await request.read())
        self.asked[request.match_info["side"]][canonical(body)] += 1
        return body


async def models(request: web.Request) -> web.Response:
    """The models that a client finds listed; the reference asks before legacy completions."""
    listed = [{"id": name, "object": "model", "created": 0, "owned_by": "x"} for name in LEGACY]
    return web.json_response({"object": "list", "data": listed})


def answered(
    body: Mapping[str, Any], kind: str, choice: Mapping[str, Any], text: str
) -> web.Response:
    """A response with the choice as often as it was asked for."""
    asked = orjson.dumps(body.get("messages") or body["prompt"])
    tokens = {"prompt_tokens": len(asked), "completion_tokens": len(text)}
    rest = {"logprobs": None, "finish_reason": "stop"}
    answer = {
        "id": "parity",
        "object": kind,
        "created": 1_700_000_000,
        "model": body["model"],
        "choices": [{"index": i, **choice, **rest} for i in range(body.get("n") or 1)],
        "usage": {**tokens, "total_tokens": sum(tokens.values())},
    }
    return web.Response(body=orjson.dumps(answer), content_type="application/json")


def canonical(body: Mapping[str, Any]) -> bytes:
    """A request's body such that equal questions are equal bytes: 0.0 is 0, no defaults."""
    told = {key: _plain(value) for key, value in body.items() if DEFAULTS.get(key) != value}
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
