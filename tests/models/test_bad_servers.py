"""Servers that misbehave in every way, asked by the real runner: no run hangs, dies or lies."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from harness.errors import ProviderError, ServerDown, WrongAddress
from harness.models.openai import OpenAIProvider
from harness.records import Completion, Outcome, Request, Sample, Sampling, Score
from harness.running.journal import Journal, outcomes
from harness.running.retries import Limits
from harness.running.runner import Case, Tally, run_cases

KEY = "sk-planted-0123456789"
HANGS_S = 0.3
QUICK = Limits(4, max_attempts=3, first_wait_s=0.01, longest_wait_s=0.05, deadline_s=3.0)
GOOD = {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}

Writes = Callable[[asyncio.StreamWriter], Awaitable[None]]


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def as_json(answer: object, status: str = "200 OK", *headers: str) -> bytes:
    return http(json.dumps(answer).encode(), status, *headers)


def bytes_of(data: bytes, *, closes: bool = False) -> Writes:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if closes:
            writer.close()

    return write


async def silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def drip(writer: asyncio.StreamWriter) -> None:
    """A byte now and then, without end: no pause is ever long."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await asyncio.sleep(0.02)


async def reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@asynccontextmanager
async def serving(bad: Writes, good_first: int = 0) -> AsyncIterator[tuple[str, list[float]]]:
    """A server that answers well so many times, and then only as ``bad`` does."""
    asked: list[float] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                if b"content-length: " in head:
                    length = head.split(b"content-length: ")[1].split(b"\r")[0]
                    await reader.readexactly(int(length))
                asked.append(time.monotonic())
                good = len(asked) <= good_first
                await (bytes_of(as_json(GOOD)) if good else bad)(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", asked
    server.close()
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class SaysYes:
    needs_ideal: ClassVar[bool] = False

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        return Score(float(completion.text == "yes"))


async def run(
    url: str, path: Path, *, count: int = 3, n: int = 1, limits: Limits = QUICK
) -> tuple[Tally, list[Outcome]]:
    def cases() -> list[Case]:
        messages = [({"role": "user", "content": f"Question {i}"},) for i in range(count)]
        return [
            Case("e", Sample(str(i), m), Request("m", m, Sampling(n=n)), {"yes": SaysYes()})
            for i, m in enumerate(messages)
        ]

    with Journal.open(path, "run") as journal:
        async with OpenAIProvider(url, KEY, timeout_s=HANGS_S) as provider:
            tally = await run_cases(cases(), provider, journal, limits=limits)
    return tally, list(outcomes(path))


ERROR = {"error": {"message": "out of memory", "type": "server_error"}}
WHOLE = as_json(GOOD)
BIG = json.dumps({"choices": [{"message": {"content": "y" * 10_000_000}}]}).encode()

RETRIED: dict[str, tuple[Writes, str]] = {
    "closes in the middle of a body": (bytes_of(WHOLE[:-20], closes=True), "unreachable"),
    "answers 200 with an error": (bytes_of(as_json(ERROR)), "bad_response"),
    "sends a web page": (
        bytes_of(http(b"<html>oops</html>", "200 OK", "Content-Type: text/html")),
        "bad_response",
    ),
    "has no choices": (bytes_of(as_json({"choices": []})), "bad_response"),
    "never answers": (silence, "unreachable"),
    "drips": (drip, "unreachable"),
    "sends half of its JSON": (bytes_of(http(WHOLE[-40:-20])), "bad_response"),
    "sends wrong chunks": (
        bytes_of(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n"),
        "unreachable",
    ),
    "has huge headers": (
        bytes_of(as_json(GOOD, "200 OK", "X-Big: " + "x" * 100_000)),
        "unreachable",
    ),
    "resets": (reset, "unreachable"),
    "speaks no HTTP": (bytes_of(b"SSH-2.0-OpenSSH\r\n\r\n", closes=True), "unreachable"),
    "packs wrongly": (
        bytes_of(http(b"no gzip", "200 OK", "Content-Encoding: gzip")),
        "unreachable",
    ),
}


@pytest.mark.parametrize("name", RETRIED)
async def test_what_may_pass_is_tried_again_and_then_fails_its_sample(
    name: str, tmp_path: Path
) -> None:
    bad, kind = RETRIED[name]
    async with serving(bad, good_first=1) as (url, asked):
        tally, found = await run(url, tmp_path / "j.jsonl")
    assert tally.answered == 1
    assert tally.failures == {kind: 2}
    assert len(asked) == 1 + 2 * QUICK.max_attempts
    for outcome in found:
        message = outcome.failure.message if outcome.failure else ""
        assert "\n" not in message
        assert len(message) < 600


KEPT: dict[str, Writes] = {
    "sends 10 MB": bytes_of(http(BIG)),
    "has another charset": bytes_of(
        http(
            '{"choices": [{"message": {"content": "caf\xe9"}}]}'.encode("latin-1"),
            "200 OK",
            "Content-Type: application/json; charset=utf-16",
        )
    ),
    "repeats headers": bytes_of(
        as_json(GOOD, "200 OK", "Content-Type: a/b", "Content-Type: c/d", "X: 1", "X: 2")
    ),
    "has the wrong content type": bytes_of(as_json(GOOD, "200 OK", "Content-Type: image/png")),
}


@pytest.mark.parametrize("name", KEPT)
async def test_what_is_only_odd_is_an_answer(name: str, tmp_path: Path) -> None:
    slow = Limits(4, max_attempts=2, first_wait_s=0.01)
    async with serving(KEPT[name]) as (url, asked):
        tally, found = await run(url, tmp_path / "j.jsonl", count=1, limits=slow)
    assert tally.answered == 1
    assert len(asked) == 1
    assert found[0].completion is not None
    assert found[0].completion.text


async def test_a_choice_without_content_is_not_asked_again(tmp_path: Path) -> None:
    answer = {"choices": [{"message": {"content": None}, "finish_reason": "length"}]}
    async with serving(bytes_of(as_json(answer)), good_first=1) as (url, asked):
        tally, _ = await run(url, tmp_path / "j.jsonl")
    assert tally.failures == {"no_text": 2}
    assert len(asked) == 3


async def test_fewer_choices_than_asked_for_keep_those_that_came(tmp_path: Path) -> None:
    async with serving(bytes_of(as_json(GOOD))) as (url, asked):
        tally, found = await run(url, tmp_path / "j.jsonl", count=1, n=3)
    assert (tally.answered, tally.failed) == (1, 2)
    assert len(asked) == 1
    assert [outcome.failure.kind for outcome in found if outcome.failure] == ["too_few_choices"] * 2


async def test_a_redirect_to_itself_is_not_followed(tmp_path: Path) -> None:
    loop = http(b"", "302 Found", "Location: /v1/chat/completions")
    async with serving(bytes_of(loop)) as (url, asked):
        with pytest.raises(WrongAddress, match="redirects"):
            await run(url, tmp_path / "j.jsonl")
    assert len(asked) <= 3


# --- for ever ------------------------------------------------------------------------

FOREVER: dict[str, Writes] = {
    "429": bytes_of(as_json(ERROR, "429 Too Many Requests")),
    "429 with a wait": bytes_of(as_json(ERROR, "429 Too Many Requests", "Retry-After: 1")),
    "429 with a day": bytes_of(as_json(ERROR, "429 Too Many Requests", "Retry-After: 86400")),
    "503": bytes_of(as_json(ERROR, "503 Service Unavailable")),
    "503 with a wait": bytes_of(as_json(ERROR, "503 Service Unavailable", "Retry-After: 1")),
    "500": bytes_of(as_json(ERROR, "500 Internal Server Error")),
    "hangs": silence,
    "closes": bytes_of(b"", closes=True),
    "resets": reset,
}


@pytest.mark.parametrize("adaptive", [True, False])
@pytest.mark.parametrize("good_first", [0, 3])
@pytest.mark.parametrize("name", FOREVER)
async def test_no_run_is_endless(
    name: str, good_first: int, adaptive: bool, tmp_path: Path
) -> None:
    limits = Limits(
        20,
        max_attempts=3,
        first_wait_s=0.01,
        longest_wait_s=0.1,
        deadline_s=1.0,
        down_after=10,
        adaptive=adaptive,
    )
    async with serving(FOREVER[name], good_first) as (url, asked):
        try:
            async with asyncio.timeout(40):
                tally, _ = await run(url, tmp_path / "j.jsonl", count=20, limits=limits)
            assert tally.failed == 20 - good_first
        except ServerDown:
            pass  # the other good end: one message for all
    assert len(list(outcomes(tmp_path / "j.jsonl"))) >= good_first
    assert len(asked) < 2000


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("401 Unauthorized", {"error": {"message": f"wrong key {KEY}"}}),
        (
            "404 Not Found",
            {"error": {"message": "The model `m` does not exist", "code": "model_not_found"}},
        ),
    ],
)
async def test_what_no_request_can_get_past_stops_the_run_at_once(
    status: str, said: object, tmp_path: Path
) -> None:
    limits = Limits(20, adaptive=True)
    async with serving(bytes_of(as_json(said, status))) as (url, asked):
        with pytest.raises(ProviderError) as caught:
            await run(url, tmp_path / "j.jsonl", count=500, limits=limits)
    assert caught.value.fatal
    assert len(asked) <= 20
    assert KEY not in str(caught.value)
