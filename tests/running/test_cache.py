"""Answers are kept across runs, for those who asked the same of the same server."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from harness.errors import ServerFailed, TooFewChoices, UsageError
from harness.records import Completion, Request, Sampling, Usage
from harness.running.cache import Cache, packed_answer, unpacked
from harness.running.cache_file import Table, clear, stock
from harness.running.caching import CachingProvider, Place, Scope

FILLER = Path(__file__).with_name("cache_filler.py")
ANSWER = (Completion("yes", "stop", Usage(5, 2), latency_s=0.3),)
HERE = Scope(Place("https://a.example/v1"))


def key_of(number: int) -> bytes:
    return number.to_bytes(16, "big")


class Counted:
    """Answers ``model: prompt`` and counts how often it was asked; raises what it is given."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked = 0
        self.error = error

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        text = f"{request.model}: {request.messages[-1]['content']}"
        return tuple(
            Completion(f"{text} {choice}", "stop", Usage(5, 2), 0.1)
            for choice in range(request.sampling.n)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def request(text: str = "2 + 2?", model: str = "m", repeat: int = 0, **sampling: Any) -> Request:
    fields = {"temperature": 0.0, **sampling}
    return Request(model, ({"role": "user", "content": text},), Sampling(**fields), repeat)


def ask(provider: CachingProvider, *requests: Request) -> list[tuple[Completion, ...]]:
    async def all_of_them() -> list[tuple[Completion, ...]]:
        return [await provider.complete(one) for one in requests]

    return asyncio.run(all_of_them())


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with Cache(tmp_path / "kept") as cache:
        yield cache


# --- what is kept --------------------------------------------------------------------


def test_the_same_request_is_asked_once_in_two_runs(tmp_path: Path) -> None:
    server = Counted()
    for _ in range(2):
        with Cache(tmp_path) as cache:
            provider = CachingProvider(server, cache, HERE)
            ((found,),) = ask(provider, request())
    assert server.asked == 1
    assert provider.hits == 1
    assert found == Completion("m: 2 + 2? 0", "stop", Usage(5, 2), 0.0, replayed=True)


def test_an_answer_is_known_before_it_is_written(cache: Cache) -> None:
    server = Counted()
    first, second = ask(CachingProvider(server, cache, HERE), request(), request())
    assert server.asked == 1
    assert not first[0].replayed
    assert second[0].replayed
    assert second[0].latency_s == 0


def test_two_servers_models_of_one_name_never_mix(cache: Cache) -> None:
    server = Counted()
    for name in ("https://a.example/v1", "https://b.example/v1"):
        ask(CachingProvider(server, cache, Scope(Place(name))), request())
    assert server.asked == 2


def test_each_route_has_its_own_place(cache: Cache) -> None:
    server = Counted()
    scope = Scope(None, {"mine": Place("a"), "kept-nowhere": None})
    provider = CachingProvider(server, cache, scope)
    ask(provider, *[request(model=model) for model in ("mine", "kept-nowhere", "other") * 2])
    assert server.asked == 5


def test_repeats_prompts_models_and_sampling_are_told_apart(cache: Cache) -> None:
    server = Counted()
    asked = [
        request(),
        request(repeat=1),
        request("3 + 3?"),
        request(model="m2"),
        request(max_tokens=5),
        request(n=2),
        request(extra={"top_k": 1}),
    ]
    ask(CachingProvider(server, cache, HERE), *asked, *asked)
    assert server.asked == len(asked)


@pytest.mark.parametrize(
    ("sampling", "kept"),
    [
        ({"temperature": 0.0}, True),
        ({"temperature": None}, False),
        ({"temperature": 0.7}, False),
        ({"temperature": 0.7, "seed": 1}, True),
        ({"temperature": None, "seed": 1}, True),
        ({"temperature": 0.0, "extra": {"temperature": 1.0}}, False),
        ({"temperature": 1.0, "extra": {"seed": 3}}, True),
    ],
)
def test_sampled_answers_are_kept_where_a_seed_repeats_them(
    cache: Cache, sampling: dict[str, Any], kept: bool
) -> None:
    server = Counted()
    ask(CachingProvider(server, cache, HERE), *[request(**sampling)] * 2)
    assert server.asked == (1 if kept else 2)


def test_a_route_that_adds_a_temperature_makes_its_requests_sampled(cache: Cache) -> None:
    server = Counted()
    scope = Scope(Place("a", {"temperature": 1.0}))
    ask(CachingProvider(server, cache, scope), request(), request())
    assert server.asked == 2


def test_sampled_answers_are_kept_when_asked_for(cache: Cache) -> None:
    server = Counted()
    drawn = request(temperature=1.0)
    ask(CachingProvider(server, cache, HERE, sampled=True), drawn, drawn)
    assert server.asked == 1


@pytest.mark.parametrize("error", [ServerFailed("broken"), TooFewChoices("one of two", ANSWER)])
def test_failures_are_never_kept(cache: Cache, error: Exception) -> None:
    provider = CachingProvider(Counted(error), cache, HERE)
    for _ in range(2):
        with pytest.raises(type(error)):
            ask(provider, request())
    assert provider.provider.asked == 2  # type: ignore[attr-defined]


def test_replayed_answers_are_not_kept_again(cache: Cache) -> None:
    cache.put(key_of(1), (Completion("from a file", replayed=True),))
    assert cache.get(key_of(1)) is None


def test_all_that_was_said_comes_back() -> None:
    said = (
        Completion("a", "stop", Usage(1, 2), 0.4, logprobs=({"token": "a", "logprob": -0.1},)),
        Completion("", None, None, tool_calls=({"id": "1", "function": {"name": "f"}},)),
        Completion("half \ud83d", "length", Usage(0, 0)),
    )
    first, second, third = unpacked(packed_answer(said)) or ()
    assert first == Completion(
        "a",
        "stop",
        Usage(1, 2),
        0.0,
        replayed=True,
        logprobs=({"token": "a", "logprob": -0.1},),
    )
    assert second.tool_calls == said[1].tool_calls
    assert second.usage is None
    assert third.text == "half ?"


@pytest.mark.parametrize("packed", [b"", b"{}", b"[]", b"[[1, 2]]", b"[[1,null,null,null,[]]]"])
def test_bytes_that_hold_no_answer_count_as_none(packed: bytes) -> None:
    assert unpacked(packed) is None


# --- the file ------------------------------------------------------------------------


def test_the_file_holds_no_key_no_prompt_and_is_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "kept"
    scope = Scope(Place("https://user:sk-geheim@a.example/v1"))
    with Cache(folder) as cache:
        ask(CachingProvider(Counted(), cache, scope), request("a private question"))
    stored = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"geheim" not in stored
    assert b"a.example" not in stored
    assert stock(folder).answers == 1
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    now = [1_000_000.0]
    answer = (Completion("x" * 2_000),)
    for number in range(600):
        if number % 100 == 0:
            now[0] += 10_000
            with Cache(tmp_path, clock=lambda: now[0]) as cache:
                for one in range(number, number + 100):
                    cache.put(key_of(one), answer)
    now[0] += 10_000
    with Cache(tmp_path, clock=lambda: now[0]) as cache:
        assert all(cache.get(key_of(one)) for one in range(50))
    now[0] += 10_000
    with Cache(tmp_path, largest_bytes=1_000_000, clock=lambda: now[0]) as cache:
        cache.put(key_of(600), answer)
    held = stock(tmp_path)
    assert held.bytes <= 1_000_000
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_300_000
    with Cache(tmp_path) as cache:
        assert cache.get(key_of(600))
        assert all(cache.get(key_of(one)) for one in range(50))
        assert not any(cache.get(key_of(one)) for one in range(50, 200))


def filler(folder: Path, first: int, count: int) -> subprocess.Popen[str]:
    words = [sys.executable, str(FILLER), str(folder), str(first), str(count)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_several_processes_fill_one_cache_at_once(tmp_path: Path) -> None:
    processes = [filler(tmp_path, first, 2_000) for first in (0, 1_000, 3_000)]
    ends = [process.communicate(timeout=60)[0].splitlines()[-1] for process in processes]
    assert ends == ["notes:"] * 3
    assert stock(tmp_path).answers == 5_000
    with Cache(tmp_path) as cache:
        (found,) = cache.get(key_of(4_999)) or ()
        assert found.text == "answer 4999"


def test_killed_while_writing_it_keeps_whole_answers(tmp_path: Path) -> None:
    for first in (0, 100_000, 200_000):
        process = filler(tmp_path, first, 100_000)
        assert process.stdout is not None
        wanted = f"{first + 3_000}\n"
        while process.stdout.readline() != wanted:
            pass
        process.kill()
        process.communicate(timeout=60)
    kept = stock(tmp_path).answers
    assert kept > 1_000
    with closing(Table.open(tmp_path / "completions.sqlite", 1.0)) as table:
        assert table.database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = table.database.execute("SELECT key, answer FROM answers").fetchall()
    for key, packed in rows:
        (found,) = unpacked(packed) or ()
        assert found.text == f"answer {int.from_bytes(key, 'big')}"
    with Cache(tmp_path) as cache:
        cache.put(b"after the kill".ljust(16), ANSWER)
    assert stock(tmp_path).answers == kept + 1


# --- what goes wrong is a note -------------------------------------------------------


def test_a_broken_file_is_a_note_and_clear_mends_it(tmp_path: Path) -> None:
    file = tmp_path / "completions.sqlite"
    file.write_bytes(b"this is no database, whatever its name says" * 100)
    server = Counted()
    with Cache(tmp_path) as cache:
        ask(CachingProvider(server, cache, HERE), request(), request())
    assert server.asked == 2
    assert "harness cache clear" in cache.notes[0]
    with pytest.raises(UsageError, match="harness cache clear"):
        stock(tmp_path)
    clear(tmp_path)
    with Cache(tmp_path) as cache:
        ask(CachingProvider(server, cache, HERE), request(), request())
    assert server.asked == 3
    assert not cache.notes


def test_a_file_torn_in_the_middle_never_fails_a_run(tmp_path: Path) -> None:
    with Cache(tmp_path) as cache:
        for number in range(2_000):
            cache.put(key_of(number), ANSWER)
    file = tmp_path / "completions.sqlite"
    whole = file.read_bytes()
    file.write_bytes(whole[:8_192] + b"\xff" * 60_000 + whole[68_192:])
    with Cache(tmp_path) as cache:
        found = [cache.get(key_of(number)) for number in range(2_000)]
        cache.put(key_of(5_000), ANSWER)
    assert None in found
    assert len(cache.notes) == 1


def test_a_locked_file_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.running.cache.LOCKED_FOR_S", 0.1)
    with Cache(tmp_path) as cache:
        cache.put(key_of(1), ANSWER)
    with closing(sqlite3.connect(tmp_path / "completions.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with Cache(tmp_path) as cache:
            assert cache.get(key_of(1)), "readers do not wait for writers"
            cache.put(key_of(2), ANSWER)
            time.sleep(0.5)
            assert cache.get(key_of(2)) is None
        assert "locked" in cache.notes[0]
        other.execute("ROLLBACK")


def test_a_folder_that_cannot_be_made_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Cache(tmp_path / "file" / "kept") as cache:
        cache.put(key_of(1), ANSWER)
        assert cache.get(key_of(1)) is None
    assert len(cache.notes) == 1


def test_a_file_of_another_version_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "completions.sqlite")) as other:
        other.execute("PRAGMA user_version = 99")
    with Cache(tmp_path) as cache:
        cache.put(key_of(1), ANSWER)
    assert "another version" in cache.notes[0]


def test_nothing_there_is_an_empty_stock(tmp_path: Path) -> None:
    assert stock(tmp_path / "nowhere").answers == 0
    clear(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_clearing_gives_the_room_back(tmp_path: Path) -> None:
    with Cache(tmp_path) as cache:
        for number in range(500):
            cache.put(key_of(number), (Completion("x" * 2_000),))
    clear(tmp_path)
    assert stock(tmp_path).answers == 0
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 100_000
