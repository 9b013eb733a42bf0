"""Many texts, few requests: packing, trying again, halving, and what is kept across runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from harness.errors import BadVectors, RateLimited, RequestRejected, ServerFailed
from harness.models.base import AlwaysOpen
from harness.running.cache_file import Table, clear, stock, vector_stock, vectors_in
from harness.running.embedding import MOST_BYTES, MOST_TEXTS, Asking, VectorCache, packed
from harness.running.retries import Limits

QUICK = Limits(first_wait_s=0.001, longest_wait_s=0.002)


class Model(AlwaysOpen):
    """Every text is its length; it takes ``most`` texts at once and first raises what is given."""

    def __init__(self, *errors: Exception, most: int = 10_000, bad: str = "\0") -> None:
        self.errors = list(errors)
        self.most = most
        self.bad = bad
        self.sizes: list[int] = []

    async def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.sizes.append(len(texts))
        if self.errors:
            raise self.errors.pop(0)
        if len(texts) > self.most or self.bad in texts:
            raise RequestRejected("batch size is too large")
        return np.array([[len(text), 1.0] for text in texts], np.float32)


def lengths(vectors: list[np.ndarray]) -> list[float]:
    return [float(vector[0]) for vector in vectors]


@pytest.mark.parametrize("count", [0, 1, MOST_TEXTS, MOST_TEXTS + 1, 3 * MOST_TEXTS + 5])
async def test_every_text_gets_its_own_vector(count: int) -> None:
    texts = ["x" * (i % 50 + 1) for i in range(count)]
    model = Model()
    assert lengths(await Asking(model, QUICK).vectors(texts)) == [len(text) for text in texts]
    assert max(model.sizes, default=0) <= MOST_TEXTS


def test_a_request_is_bounded_in_texts_and_in_bytes() -> None:
    assert [len(pack) for pack in packed(["a"] * 600)] == [256, 256, 88]
    long = "é" * (MOST_BYTES // 4)
    assert [len(pack) for pack in packed([long, long, "a", long * 4, "b"])] == [2, 1, 1, 1]
    assert list(packed([])) == []


async def test_a_server_that_takes_fewer_texts_is_sent_fewer() -> None:
    model = Model(most=32)
    texts = ["x" * (i + 1) for i in range(1000)]
    asking = Asking(model, QUICK, at_once=1)
    assert lengths(await asking.vectors(texts)) == [len(text) for text in texts]
    assert sum(size > 32 for size in model.sizes) == 3  # 256, 128, 64: then it is known
    await asking.vectors(texts[:64])
    assert model.sizes[-2:] == [32, 32]


async def test_the_one_text_that_is_refused_is_named() -> None:
    with pytest.raises(RequestRejected, match="the text begins 'the bad one'"):
        await Asking(Model(bad="the bad one"), QUICK).vectors(["a", "b", "the bad one", "c"])


async def test_what_may_pass_is_asked_again() -> None:
    model = Model(ServerFailed("500"), RateLimited("429", 0.001), RateLimited("429", None))
    assert lengths(await Asking(model, QUICK).vectors(["abc"])) == [3]
    assert len(model.sizes) == 4


async def test_asking_ends_after_so_many_failures_or_at_once() -> None:
    model = Model(*[ServerFailed("500")] * 9)
    with pytest.raises(ServerFailed):
        await Asking(model, Limits(first_wait_s=0.001, max_attempts=3)).vectors(["a"])
    assert len(model.sizes) == 3
    model = Model(BadVectors("NaN"))
    with pytest.raises(BadVectors):
        await Asking(model, QUICK).vectors(["a"])
    assert len(model.sizes) == 1


async def test_a_wait_beyond_the_deadline_is_not_waited() -> None:
    model = Model(RateLimited("429", 3600.0))
    with pytest.raises(RateLimited):
        await Asking(model, Limits(deadline_s=1.0)).vectors(["a"])


async def test_progress_counts_texts() -> None:
    seen: list[int] = []
    await Asking(Model(), QUICK, seen.append).vectors(["a"] * 600)
    assert sorted(seen)[-1] == 600
    assert len(seen) == 3


# --- across runs ---------------------------------------------------------------------


def vector(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)


def test_vectors_come_back_as_they_were(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, "place")
    assert cache.get(["a"]) == {}
    cache.put({"a": vector(1, 2.5), "\ud83d": vector(3, 4)})
    found = VectorCache(tmp_path, "place").get(["a", "b", "\ud83d"])
    assert {text: one.tolist() for text, one in found.items()} == {"a": [1, 2.5], "\ud83d": [3, 4]}
    assert VectorCache(tmp_path, "another place").get(["a"]) == {}


def test_neither_text_nor_place_can_be_read_from_the_file(tmp_path: Path) -> None:
    VectorCache(tmp_path, "https://host?key=planted").put({"a planted text": vector(1)})
    assert b"planted" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert vectors_in(tmp_path).stat().st_mode & 0o077 == 0


def test_stock_counts_vectors_and_clear_forgets_them(tmp_path: Path) -> None:
    assert vector_stock(tmp_path).answers == 0
    cache = VectorCache(tmp_path, "place", clock=lambda: 1000.0)
    cache.put({"a": vector(1), "b": vector(2)})
    found = vector_stock(tmp_path)
    assert (found.answers, found.oldest) == (2, 1000)
    assert stock(tmp_path).answers == 0
    clear(tmp_path)
    assert vector_stock(tmp_path).answers == 0
    assert cache.get(["a"]) == {}


def test_the_file_is_bounded(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, "place", largest_bytes=1_500_000)
    for start in range(0, 900, 50):
        cache.put({f"text {i}": np.zeros(500, np.float32) for i in range(start, start + 50)})
    assert vector_stock(tmp_path).bytes <= 1_500_000
    assert 0 < vector_stock(tmp_path).answers < 900


def test_what_was_used_last_stays_longest(tmp_path: Path) -> None:
    now = [0.0]
    cache = VectorCache(tmp_path, "place", clock=lambda: now[0])
    cache.put({"old": vector(1), "used": vector(2)})
    now[0] = 50.0
    cache.get(["used"])
    table = Table.open(vectors_in(tmp_path), 1.0)
    rows = table.database.execute("SELECT used FROM answers ORDER BY used").fetchall()
    table.close()
    assert rows == [(0,), (50,)]


def test_a_broken_file_is_a_note(tmp_path: Path) -> None:
    vectors_in(tmp_path).write_bytes(b"this is no database, but long enough to look like one" * 30)
    cache = VectorCache(tmp_path, "place")
    assert cache.get(["a"]) == {}
    cache.put({"a": vector(1)})
    assert len(cache.notes) == 1
    assert "harness cache clear" in cache.notes[0]
    clear(tmp_path)
    fresh = VectorCache(tmp_path, "place")
    fresh.put({"a": vector(1)})
    assert fresh.get(["a"])["a"].tolist() == [1]


def test_a_folder_that_cannot_be_made_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    cache = VectorCache(tmp_path / "file" / "inside", "place")
    cache.put({"a": vector(1)})
    assert cache.notes
