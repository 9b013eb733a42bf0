"""A server that says exactly what a test tells it to, over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest


class ScriptedServer:
    """Gives the scripted replies in turn, the last one for ever, and remembers its questions."""

    def __init__(self) -> None:
        self.replies: list[bytes | None] = []
        self.heads: list[str] = []
        self.bodies: list[Any] = []
        self.url = ""
        self.talks: set[asyncio.Task[None]] = set()

    def says(self, body: str | bytes, status: int = 200, **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        named = {"Content-Type": "application/json", "Content-Length": str(len(data))}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        self.says_raw(f"HTTP/1.1 {status} Status\r\n{head}\r\n".encode() + data)

    def says_json(self, answer: Any, status: int = 200, **headers: str) -> None:
        self.says(json.dumps(answer), status, **headers)

    def says_error(self, message: str, status: int, **fields: Any) -> None:
        self.says_json({"error": {"message": message, **fields}}, status)

    def says_raw(self, data: bytes) -> None:
        self.replies.append(data)

    def says_nothing(self) -> None:
        self.replies.append(None)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (talk := asyncio.current_task()) is not None:
            self.talks.add(talk)
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                lengths = [h for h in head.lower().split("\r\n") if h.startswith("content-length")]
                length = int(lengths[0].split(":")[1]) if lengths else 0
                body = await reader.readexactly(length)
                self.heads.append(head)
                self.bodies.append(json.loads(body) if body else None)
                reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
                if reply is None:
                    await asyncio.Event().wait()
                else:
                    writer.write(reply)
                    await writer.drain()
                    if b"Connection: close" in reply:
                        break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedServer]:
    """The server; its ``url`` ends in ``/v1``."""
    script = ScriptedServer()
    server = await asyncio.start_server(script, "127.0.0.1", 0)
    script.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    yield script
    server.close()
    for talk in script.talks:
        talk.cancel()
    await asyncio.gather(*script.talks, return_exceptions=True)
