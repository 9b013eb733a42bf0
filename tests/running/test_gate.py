"""Real runs against real servers that bear only so much; all of them at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.models.openai import OpenAIProvider
from harness.records import Completion, Request, Sample, Score
from harness.running.gate import Gate
from harness.running.journal import Journal
from harness.running.limiter import Limiter
from harness.running.retries import Limits
from harness.running.runner import Case, run_cases

WARM_UP_S, LONG_S = 4.0, 12.0
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


async def test_a_hidden_limit_is_found_and_kept(tmp_path: Path) -> None:
    servers = [Bucket(rate, wait) for rate in (50, 400) for wait in (None, b"1")]
    found = await asyncio.gather(
        *(asked_for(one, LONG_S, tmp_path / f"{i}.jsonl") for i, one in enumerate(servers))
    )
    for server, (rate, refused) in zip(servers, found, strict=True):
        print(f"R={server.rate} {server.retry_after!r}: {rate:.3f} R, {refused:.2%} refused")
        assert 0.9 <= rate <= 1.1, server.rate
        assert refused < 0.02, server.rate


async def test_caps_are_kept_at_any_concurrency(tmp_path: Path) -> None:
    server = Bucket(10_000, None, latency_s=0.001)
    began = time.monotonic()
    async with served(server), OpenAIProvider(server.url) as provider:
        with Journal.open(tmp_path / "j.jsonl", "run") as journal:
            limits = Limits(concurrency=16, rpm=6000)
            await run_cases(cases_until(began + 1.0), provider, journal, limits=limits)
    assert 60 <= len(server.taken) <= 116  # 100 a second, and what was waiting at the end


async def test_a_place_given_to_someone_who_has_gone_is_given_back() -> None:
    gate = Gate(Limiter(1))
    assert gate.pass_now()
    assert not gate.pass_now()
    waiting = asyncio.create_task(gate.wait())
    await asyncio.sleep(0)
    gate.limiter.ended()
    gate.let_in()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert gate.limiter.in_flight == 0
    assert gate.pass_now()


async def test_the_urgent_go_first_and_others_in_their_order() -> None:
    gate = Gate(Limiter(1))
    gate.pass_now()
    went: list[str] = []

    async def go(name: str, urgent: bool) -> None:
        await gate.wait(urgent=urgent)
        went.append(name)
        gate.limiter.ended()
        gate.let_in()

    tasks = [asyncio.create_task(go(*one)) for one in (("a", False), ("b", False), ("c", True))]
    await asyncio.sleep(0)
    gate.limiter.ended()
    gate.let_in()
    await asyncio.gather(*tasks)
    assert went == ["c", "a", "b"]


async def test_those_who_wait_are_sent_away_with_the_reason() -> None:
    gate = Gate(Limiter(1))
    gate.pass_now()
    waiting = asyncio.create_task(gate.wait())
    await asyncio.sleep(0)
    gate.send_away(ValueError("no more"))
    with pytest.raises(ValueError, match="no more"):
        await waiting
