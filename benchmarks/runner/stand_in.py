"""A stand-in for an OpenAI-compatible server, fast enough not to be what is measured.

It answers ``ANSWER-<crc32 of the last user message>`` and speaks only as much HTTP as aiohttp
sends: ``python stand_in.py --port P [--latency MS]``.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from typing import Any
from zlib import crc32

import orjson

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


def answer_text(prompt: str) -> str:
    """What the stand-in answers to a prompt."""
    return f"ANSWER-{crc32(prompt.encode()):08x}"


def answer(body: bytes) -> bytes:
    """The whole HTTP response to a chat completion's body."""
    prompt = orjson.loads(body)["messages"][-1]["content"]
    message = {"role": "assistant", "content": answer_text(prompt)}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": 6, "total_tokens": 6}
    fields = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000}
    text = orjson.dumps({**fields, "model": "stand-in", "choices": [choice], "usage": usage})
    return HEAD % (len(text), text)


class Connection(asyncio.Protocol):
    """One client's connection; requests come one after the other."""

    def __init__(self, latency_s: float) -> None:
        self.latency_s = latency_s
        self.buffer = b""
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, separator, rest = self.buffer.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        if separator and len(rest) >= int(length or 0):
            self.buffer = b""
            loop = asyncio.get_running_loop()
            loop.call_later(self.latency_s, self.transport.write, answer(rest))


async def serve(port: int, latency_s: float) -> None:
    """Serve until SIGTERM; prints ``ready`` once it listens."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(
        lambda: Connection(latency_s), "127.0.0.1", port, backlog=4096
    )
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    await stop.wait()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--latency", type=float, default=0.0, help="milliseconds")
    given = options.parse_args()
    asyncio.run(serve(given.port, given.latency / 1000))
