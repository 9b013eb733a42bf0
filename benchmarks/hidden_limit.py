"""Real runs against real servers that bear only so many requests a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.models.openai import OpenAIProvider
from harness.records import Completion, Request, Sample, Score
from harness.running.journal import Journal
from harness.running.retries import Limits
from harness.running.runner import Case, run_cases

WARM_UP_S = 4.0
BODY = (
    b'{"choices":[{"message":{"content":"yes"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}'
)


def said(status: bytes, body: bytes, *headers: bytes) -> bytes:
    more = b"".join(header + b"\r\n" for header in headers)
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, more, len(body), body)


ANSWER = said(b"200 OK", BODY)


@dataclass
class Bucket:
    """Takes ``rate`` requests a second and a second's worth at once; 429 above that."""

    rate: float
    retry_after: bytes | None
    latency_s: float = 0.02
    level: float = field(init=False)
    seen: float = field(default_factory=time.monotonic)
    taken: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self.level = self.rate

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r")[0]))
                reply = self.reply()
                await asyncio.sleep(self.latency_s)
                writer.write(reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def reply(self) -> bytes:
        now = time.monotonic()
        self.level = min(self.rate, self.level + (now - self.seen) * self.rate)
        self.seen = now
        if self.level < 1:
            self.refused.append(now)
            wait = () if self.retry_after is None else (b"Retry-After: " + self.retry_after,)
            return said(b"429 Too Many Requests", b'{"error":{"message":"slow"}}', *wait)
        self.level -= 1
        self.taken.append(now)
        return ANSWER

    def between(self, start: float, end: float) -> tuple[int, int]:
        """Taken and refused."""
        counted = [sum(start <= at < end for at in times) for times in (self.taken, self.refused)]
        return counted[0], counted[1]


@asynccontextmanager
async def served(server: Any) -> AsyncIterator[Any]:
    opened = await asyncio.start_server(server, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{opened.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        opened.close()


class Yes:
    needs_ideal = False

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        return Score(1.0)


def cases_until(end: float) -> Iterator[Case]:
    number = 0
    while time.monotonic() < end:
        messages = ({"role": "user", "content": str(number)},)
        yield Case("e", Sample(str(number), messages), Request("m", messages), {"yes": Yes()})
        number += 1


async def asked_for(server: Bucket, seconds: float, path: Path) -> tuple[float, float]:
    """Run that long; the rate taken and the share refused once it had settled."""
    limits = Limits(concurrency=1000, adaptive=True)
    began = time.monotonic()
    async with served(server), OpenAIProvider(server.url, "key-0123") as provider:
        with Journal.open(path, "run") as journal:
            await run_cases(cases_until(began + seconds), provider, journal, limits=limits)
    taken, refused = server.between(began + WARM_UP_S, began + seconds)
    return taken / (seconds - WARM_UP_S) / server.rate, refused / (taken + refused)


async def settled(
    servers: Sequence[Bucket], seconds: float, folder: Path
) -> list[tuple[float, float]]:
    """Run against all servers at once; of each the rate taken / R, and the share refused."""
    runs = (asked_for(one, seconds, folder / f"{i}.jsonl") for i, one in enumerate(servers))
    return await asyncio.gather(*runs)
