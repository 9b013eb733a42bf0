"""An OpenAI-compatible server that fails in every way a server can, on request.

``POST /faults`` sets the shares of faults, ``GET /stats`` says what was answered, ``POST /reset``
forgets it. Answers depend on the prompt alone; faults on a seeded count of requests, so a
retry draws again.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any
from zlib import crc32

import orjson
from aiohttp import web

SOAK = {
    "429": 0.20,
    "500": 0.05,
    "reset": 0.01,
    "hang": 0.02,
    "slow": 0.02,
    "truncated": 0.02,
    "wrong_type": 0.02,
}
"""The shares of requests that fail each way while soaking."""

HANG_S = 3600.0
DRIPS = 8


def answer_text(prompt: str) -> str:
    """What this server answers to a prompt: a right answer to five prompts of six."""
    number = crc32(prompt.encode())
    return f"ANSWER-{number:08x}" if number % 6 else "I do not know."


@dataclass
class State:
    """What the server counts and how it fails."""

    latency_s: float
    seed: int
    faults: dict[str, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    delivered: Counter[str] = field(default_factory=Counter)
    requests: int = 0

    def draw(self) -> str | None:
        """How the next request fails, if it does."""
        self.requests += 1
        left = Random(f"{self.seed}:{self.requests}").random()
        for name, share in self.faults.items():
            left -= share
            if left < 0:
                return name
        return None


def completion(prompt: str) -> bytes:
    """The JSON of a chat completion."""
    message = {"role": "assistant", "content": answer_text(prompt)}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": 6, "total_tokens": 6}
    fields = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000}
    return orjson.dumps({**fields, "model": "soak", "choices": [choice], "usage": usage})


STATE = web.AppKey("state", State)


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer, or fail as drawn."""
    state = request.app[STATE]
    body = orjson.loads(await request.read())
    prompt = body["messages"][-1]["content"]
    fault = state.draw()
    await asyncio.sleep(state.latency_s)
    state.counts[fault or "ok"] += 1
    text = completion(prompt)
    if fault in FAULTS:
        return await FAULTS[fault](request, text)
    response = web.Response(body=text, content_type="application/json")
    if fault == "slow":
        response = await slow(request, text)
    state.delivered[prompt] += 1
    return response


async def too_many(request: web.Request, text: bytes) -> web.StreamResponse:
    error = {"error": {"message": "Rate limit reached", "type": "rate_limit_error"}}
    return web.json_response(error, status=429, headers={"Retry-After": "0"})


async def broken(request: web.Request, text: bytes) -> web.StreamResponse:
    return web.json_response({"error": {"message": "internal error"}}, status=500)


async def reset(request: web.Request, text: bytes) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def hang(request: web.Request, text: bytes) -> web.StreamResponse:
    await asyncio.sleep(HANG_S)
    return web.Response()


async def truncated(request: web.Request, text: bytes) -> web.StreamResponse:
    return web.Response(body=text[: len(text) // 2], content_type="application/json")


async def wrong_type(request: web.Request, text: bytes) -> web.StreamResponse:
    return web.Response(body=b"<html>busy</html>", content_type="text/html")


async def slow(request: web.Request, text: bytes) -> Any:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    step = len(text) // DRIPS + 1
    for start in range(0, len(text), step):
        await response.write(text[start : start + step])
        await asyncio.sleep(0.02)
    await response.write_eof()
    return response


FAULTS = {
    "429": too_many,
    "500": broken,
    "reset": reset,
    "hang": hang,
    "truncated": truncated,
    "wrong_type": wrong_type,
}


async def set_faults(request: web.Request) -> web.Response:
    request.app[STATE].faults = await request.json()
    return web.json_response({})


async def stats(request: web.Request) -> web.Response:
    state = request.app[STATE]
    again = sum(count - 1 for count in state.delivered.values())
    known = {"delivered": state.delivered.total(), "again": again, "prompts": len(state.delivered)}
    return web.json_response({**known, "counts": dict(state.counts)})


async def forget(request: web.Request) -> web.Response:
    state = request.app[STATE]
    state.counts.clear()
    state.delivered.clear()
    state.requests = 0
    return web.json_response({})


async def serve(port: int, latency_s: float, seed: int) -> None:
    """Serve until killed; prints ``ready PORT`` once it listens."""
    app = web.Application(client_max_size=2**26)
    app[STATE] = State(latency_s, seed)
    app.add_routes(
        [
            web.post("/v1/chat/completions", chat),
            web.post("/faults", set_faults),
            web.get("/stats", stats),
            web.post("/reset", forget),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    print("ready", runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--latency", type=float, default=10.0, help="milliseconds")
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    asyncio.run(serve(given.port, given.latency / 1000, given.seed))
