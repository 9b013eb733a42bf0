"""Runs in a process of their own, ended in every way; the next one goes on where they ended."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from harness.running.journal import latest, outcomes

PROGRAM = Path(__file__).with_name("small_run.py")
REQUESTS, REPEATS, CHOICES, CONCURRENCY = 120, 2, 2, 8
ANSWERS = REQUESTS * CHOICES
KEY = "sk-geheim-0123456789"


Answers = dict[tuple[str, int], tuple[str, float]]


def text_of(question: str, choice: int) -> str:
    return f"{sum(question.encode()) * (choice + 1) % 97}"


def undisturbed() -> Answers:
    """What a run without any trouble answers and marks."""
    found = {}
    for number in range(REQUESTS // REPEATS):
        for repeat in range(REPEATS):
            messages = [{"role": "user", "content": f"Question {number}?"}]
            for choice in range(CHOICES):
                text = text_of(json.dumps([messages, repeat]), choice)
                place = (f"small.dev.{number}", repeat * CHOICES + choice)
                found[place] = (text, float("7" in text))
    return found


UNDISTURBED = undisturbed()


class Oracle:
    """A server whose answers depend on the question alone. ``at`` counts down to an event."""

    def __init__(self) -> None:
        self.url = ""
        self.questions: list[str] = []
        self.faults = False
        self.at: dict[int, Callable[[], object]] = {}

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                assert f"Authorization: Bearer {KEY}" in head
                length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                if not await self.answer(body, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, body: dict[str, object], writer: asyncio.StreamWriter) -> bool:
        question = json.dumps([body["messages"], body["seed"]])
        self.questions.append(question)
        number = len(self.questions)
        if number in self.at:
            self.at[number]()
        if self.faults and number % 5 == 0:
            if number % 10:
                return False
            self.reply(writer, 429, {"error": {"message": f"slow down, {KEY}"}})
            return True
        await asyncio.sleep(0.002)
        texts = [text_of(question, choice) for choice in range(CHOICES)]
        choices = [{"message": {"content": text}, "finish_reason": "stop"} for text in texts]
        self.reply(writer, 200, {"choices": choices})
        return True

    def reply(self, writer: asyncio.StreamWriter, status: int, answer: object) -> None:
        data = json.dumps(answer).encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(data)) + data)


@pytest.fixture
async def oracle() -> AsyncIterator[Oracle]:
    oracle = Oracle()
    server = await asyncio.start_server(oracle, "127.0.0.1", 0)
    oracle.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    yield oracle
    server.close()


async def started(oracle: Oracle, path: Path, *options: str) -> Process:
    command = [sys.executable, str(PROGRAM), oracle.url, str(path), *options]
    return await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)


async def finished(process: Process) -> tuple[int | None, str]:
    out, err = await process.communicate()
    assert KEY.encode() not in out + err
    return process.returncode, (out + err).decode()


def answers(path: Path) -> Answers:
    """Every answer and mark by sample and repeat; none may be there twice."""
    found: Answers = {}
    for outcome in outcomes(path):
        mark = outcome.scores["includes"].value
        place = (outcome.sample_id, outcome.repeat)
        assert outcome.completion is not None
        assert mark is not None
        assert place not in found, f"{place} is answered twice"
        found[place] = (outcome.completion.text, mark)
    return found


async def test_a_run_that_is_killed_again_and_again_ends_like_an_undisturbed_one(
    oracle: Oracle, tmp_path: Path
) -> None:
    path, kills = tmp_path / "journal.jsonl", (1, 20, 55, 90)
    for number in kills:
        process = await started(oracle, path)
        oracle.at = {number: process.kill}
        assert (await finished(process))[0] == -signal.SIGKILL
        oracle.at = {}
    code, out = await finished(await started(oracle, path))
    assert code == 0
    answered, skipped = map(int, out.split())
    assert answered + skipped == ANSWERS
    assert answers(path) == UNDISTURBED
    assert len(oracle.questions) - REQUESTS <= len(kills) * CONCURRENCY
    assert KEY.encode() not in path.read_bytes()


async def test_faults_of_the_server_change_no_answer(oracle: Oracle, tmp_path: Path) -> None:
    oracle.faults = True
    assert await finished(await started(oracle, tmp_path / "j.jsonl")) == (0, f"{ANSWERS} 0\n")
    assert answers(tmp_path / "j.jsonl") == UNDISTURBED
    assert set(Counter(oracle.questions).values()) > {1}


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_run_in_good_order_and_it_goes_on(
    oracle: Oracle, tmp_path: Path, sent: signal.Signals
) -> None:
    path = tmp_path / "journal.jsonl"
    process = await started(oracle, path)
    oracle.at = {40: lambda: process.send_signal(sent)}
    code, out = await finished(process)
    if sent == signal.SIGTERM:
        assert code == 1
        assert out == "RunStopped: stopped by SIGTERM; what was answered is kept: --resume\n"
    else:
        assert "KeyboardInterrupt" in out
    kept = answers(path)
    assert 0 < len(kept) < ANSWERS
    assert path.read_bytes().endswith(b"\n")
    asked = len(oracle.questions)
    assert await finished(await started(oracle, path)) == (
        0,
        f"{ANSWERS - len(kept)} {len(kept)}\n",
    )
    assert answers(path) == UNDISTURBED
    assert len(oracle.questions) - asked == REQUESTS - len(kept) // CHOICES


async def test_a_full_disk_stops_the_run_and_keeps_whole_lines(
    oracle: Oracle, tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    code, out = await finished(await started(oracle, path, "5000"))
    assert code == 1
    assert out.startswith(f"RunFolderError: {path}: cannot be written (File too large)")
    assert "--resume" in out
    assert len(out.splitlines()) == 1
    assert path.read_bytes().endswith(b"\n")
    assert path.stat().st_size <= 5000
    assert 0 < len(answers(path)) < ANSWERS
    assert (await finished(await started(oracle, path)))[0] == 0
    assert answers(path) == UNDISTURBED


async def test_two_processes_never_write_one_journal(oracle: Oracle, tmp_path: Path) -> None:
    path, met = tmp_path / "journal.jsonl", asyncio.Event()
    first = await started(oracle, path)
    oracle.at = {1: met.set}
    await met.wait()
    first.send_signal(signal.SIGSTOP)
    try:
        code, out = await finished(await started(oracle, path))
    finally:
        first.send_signal(signal.SIGCONT)
    assert code == 1
    assert "another process is writing it" in out
    assert (await finished(first))[0] == 0
    assert len(list(latest(path))) == ANSWERS


async def test_a_server_that_goes_away_stops_the_run_with_one_error(
    tmp_path: Path, oracle: Oracle
) -> None:
    nowhere = Oracle()
    nowhere.url = "http://127.0.0.1:9/v1"
    code, out = await finished(await started(nowhere, tmp_path / "journal.jsonl"))
    assert code == 1
    assert out.startswith("ServerDown: ")
    assert "nothing listens at http://127.0.0.1:9/v1/chat/completions" in out
    assert len(out.splitlines()) == 1
    assert list(outcomes(tmp_path / "journal.jsonl")) == []
