"""From the name of an embedding model to vectors, each text asked for once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import BadVectors, ServerUnreachable, UsageError
from harness.models.base import AlwaysOpen
from harness.models.embeddings import FunctionEmbeddings, ServerEmbeddings
from harness.models.providers import Access
from harness.pipeline.measuring.embedding import MOST_IN_MEMORY, Embedder, embedder, embedder_for
from harness.pipeline.orders.caching import Caching
from harness.records import Embeddings
from harness.running.cache_file import vector_stock
from harness.running.embedding import VectorCache
from harness.running.retries import Limits

KEY = "sk-planted-secret-0123456789"
LOCAL, PUBLIC = "http://127.0.0.1:8000/v1", "https://vectors.example.com/v1"


class Counting(AlwaysOpen):
    """A vector of so many numbers for every text; it remembers what it was asked."""

    def __init__(self, dimensions: int = 2, fails_after: int = 10**9) -> None:
        self.dimensions = dimensions
        self.fails_after = fails_after
        self.seen: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Any:
        if len(self.seen) + len(texts) > self.fails_after:
            raise BadVectors("no more")
        self.seen += texts
        return np.array([[len(text)] * self.dimensions for text in texts], np.float32)


def embedding(model: Counting, folder: Path | None = None) -> Embedder:
    cache = VectorCache(folder, "place") if folder else None
    return Embedder("counting", model, Limits(max_attempts=1), cache)


# --- texts to vectors ----------------------------------------------------------------


def test_each_text_is_asked_for_once() -> None:
    model = Counting()
    one = embedding(model)
    assert one.embed(["a", "bb", "a"]).tolist() == [[1, 1], [2, 2], [1, 1]]
    assert one.embed(["bb", "ccc"]).tolist() == [[2, 2], [3, 3]]
    assert model.seen == ["a", "bb", "ccc"]
    assert (one.asked, one.from_cache) == (3, 0)


def test_a_blank_text_is_a_row_of_zeros_and_nobody_is_asked_about_it() -> None:
    model = Counting()
    assert embedding(model).embed(["", "a", " \n"]).tolist() == [[0, 0], [1, 1], [0, 0]]
    assert model.seen == ["a"]
    assert embedding(model).embed([""]).tolist() == [[0]]
    assert embedding(model).embed([]).shape == (0, 1)


def test_another_process_finds_them_in_the_cache(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    embedding(first, tmp_path).embed(["a", "bb"])
    later = embedding(second, tmp_path)
    assert later.embed(["a", "bb", "ccc"]).tolist() == [[1, 1], [2, 2], [3, 3]]
    assert second.seen == ["ccc"]
    assert (later.asked, later.from_cache) == (1, 2)


def test_what_came_before_a_failure_is_kept(tmp_path: Path) -> None:
    texts = [f"text {i}" for i in range(3000)]
    with pytest.raises(BadVectors):
        embedding(Counting(fails_after=2048), tmp_path).embed(texts)
    model = Counting()
    embedding(model, tmp_path).embed(texts)
    assert len(model.seen) == 3000 - 2048


def test_another_model_under_the_same_name_is_found_out(tmp_path: Path) -> None:
    embedding(Counting(2), tmp_path).embed(["a"])
    with pytest.raises(BadVectors, match="harness cache clear"):
        embedding(Counting(3), tmp_path).embed(["a", "b"])


def test_memory_is_bounded() -> None:
    one = embedding(Counting())
    one.embed([f"text {i}" for i in range(MOST_IN_MEMORY + 50)])
    assert len(one._known) == MOST_IN_MEMORY


async def test_it_works_where_an_event_loop_runs_already() -> None:
    assert embedding(Counting()).embed(["a"]).tolist() == [[1, 1]]


def test_a_check_asks_whatever_is_kept(tmp_path: Path) -> None:
    model = Counting()
    one = embedding(model, tmp_path)
    one.check()
    one.check()
    assert len(model.seen) == 2
    with pytest.raises(BadVectors):
        embedding(Counting(fails_after=0)).check()


# --- from a name ---------------------------------------------------------------------


def test_a_name_is_a_servers_model_where_there_is_an_address() -> None:
    for spec in ("tiny-base", "os.path:join", "all-minilm:latest"):
        found = embedder(spec, Access(base_url=LOCAL))
        assert isinstance(found.model, ServerEmbeddings)
        assert found.name == f"{spec} at {LOCAL}"


def test_a_name_with_a_module_is_a_function_without_one(tmp_path: Path) -> None:
    assert isinstance(embedder("os.path:join").model, FunctionEmbeddings)
    assert embedder("os.path:join", Access(default_url=LOCAL, api_key=KEY)).name == "os.path:join"


def test_a_hosted_model_needs_a_key() -> None:
    with pytest.raises(UsageError, match="give --embeddings-base-url, set OPENAI_API_KEY, or"):
        embedder("text-embedding-3-small")
    found = embedder("text-embedding-3-small", Access(api_key=KEY))
    assert found.name == "text-embedding-3-small at https://api.openai.com/v1"


def test_the_embedded_model_needs_no_server(embedded_server: str) -> None:
    texts = ["the train was late", "boil the rice " * 60]
    here = embedder("embedded:tiny-base").embed(texts)
    there = embedder("tiny-base", Access(base_url=embedded_server)).embed(texts)
    assert here == pytest.approx(there, abs=1e-6)
    with pytest.raises(UsageError, match="embedded:tiny-base"):
        embedder("embedded:other")


def test_nothing_secret_is_in_the_name() -> None:
    address = f"https://vectors.example.com/v1?api-key={KEY}"
    found = embedder("m", Access(base_url=address, api_key=KEY))
    assert KEY not in found.name
    assert KEY not in repr(found)


def test_public_servers_are_kept_and_others_where_a_cache_was_named(tmp_path: Path) -> None:
    usual, named = Caching(tmp_path), Caching(tmp_path, everywhere=True)
    assert embedder("m", Access(base_url=PUBLIC), usual).cache is not None
    assert embedder("m", Access(base_url=LOCAL), usual).cache is None
    assert embedder("m", Access(base_url=LOCAL), named).cache is not None
    assert embedder("os.path:join", None, usual).cache is None
    assert embedder("os.path:join", None, named).cache is not None
    assert embedder("m", Access(base_url=PUBLIC), Caching()).cache is None


def test_model_and_address_make_another_place_and_a_key_does_not(tmp_path: Path) -> None:
    keep = Caching(tmp_path)

    def place(model: str, **access: Any) -> str:
        found = embedder(model, Access(**access), keep).cache
        assert found is not None
        return found.place

    places = {
        place("m", base_url=PUBLIC),
        place("n", base_url=PUBLIC),
        place("m", base_url="https://other.example.com/v1"),
        place("m", base_url=PUBLIC, headers={"x-model": "a"}),
        place("m", base_url=PUBLIC, organization="o"),
    }
    assert len(places) == 5
    assert place("m", base_url=f"{PUBLIC}/", api_key=KEY) == place("m", base_url=PUBLIC)


def test_code_that_changed_is_asked_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "changing_vectors.py"
    places = []
    for body in ("return [[1.0]] * len(texts)", "return [[2.0]] * len(texts)"):
        file.write_text(f"def embed(texts):\n    {body}\n")
        found = embedder("changing_vectors:embed", None, Caching(tmp_path, everywhere=True))
        assert found.cache is not None
        places.append(found.cache.place)
    assert places[0] != places[1]


def test_an_embedder_is_named_by_its_model_and_server() -> None:
    found = embedder_for(Embeddings("e", LOCAL), None, Caching(), Limits())
    assert found.name == f"e at {LOCAL}"


def test_a_server_is_asked_once_in_two_runs(tmp_path: Path, embedded_server: str) -> None:
    keep = Caching(tmp_path, everywhere=True)
    first = embedder("tiny-base", Access(base_url=embedded_server), keep)
    vectors = first.embed(["the train was late", "boil the rice"])
    second = embedder("tiny-base", Access(base_url=embedded_server), keep)
    assert np.array_equal(second.embed(["the train was late", "boil the rice"]), vectors)
    assert (first.asked, second.asked, second.from_cache) == (2, 0, 2)
    assert vector_stock(tmp_path).answers == 2


def test_a_server_that_is_gone_is_named_soon() -> None:
    found = embedder(
        "m", Access(base_url="http://127.0.0.1:9/v1"), limits=Limits(first_wait_s=0.01)
    )
    with pytest.raises(ServerUnreachable, match="embeddings by 'm'"):
        found.check()
