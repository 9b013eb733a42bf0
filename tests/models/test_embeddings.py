"""Embeddings from servers that behave and that do not, and from functions of the user's own."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import (
    AuthenticationFailed,
    BadResponse,
    BadVectors,
    ModelNotFound,
    ProviderError,
    RateLimited,
    RequestRejected,
    ServerUnreachable,
    TimedOut,
    UsageError,
    WrongAddress,
)
from harness.models.embeddings import FunctionEmbeddings, ServerEmbeddings, named_function

KEY = "sk-planted-secret-0123456789"


def said(*vectors: Any) -> dict[str, Any]:
    return {"object": "list", "data": [{"index": i, "embedding": v} for i, v in enumerate(vectors)]}


async def vectors_of(url: str, texts: Sequence[str] = ("a", "b"), **options: Any) -> np.ndarray:
    async with ServerEmbeddings("m", url, **options) as server:
        return await server.embed(texts)


async def error_of(url: str, texts: Sequence[str] = ("a", "b"), **options: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await vectors_of(url, texts, **options)
    assert "\n" not in str(caught.value)
    return caught.value


# --- a server that behaves -----------------------------------------------------------


async def test_the_embedded_server_gives_one_vector_a_text(embedded_server: str) -> None:
    async with ServerEmbeddings("tiny-base", embedded_server) as server:
        found = await server.embed(["the train was late", "boil the rice", "the train was late"])
    assert found.shape == (3, 64)
    assert found.dtype == np.float32
    assert np.array_equal(found[0], found[2])


async def test_a_request_holds_the_model_the_texts_and_the_key(scripted: Any) -> None:
    scripted.says_json(said([1, 2], [3, 4]))
    found = await vectors_of(scripted.url, ["a", "half \ud83d"], api_key=KEY)
    assert found.tolist() == [[1, 2], [3, 4]]
    assert scripted.heads[0].startswith("POST /v1/embeddings ")
    assert f"Authorization: Bearer {KEY}" in scripted.heads[0]
    assert scripted.bodies[0] == {"model": "m", "input": ["a", "half ?"]}


async def test_vectors_are_put_in_the_order_of_the_texts(scripted: Any) -> None:
    answer = said([1, 2], [3, 4])
    scripted.says_json(answer | {"data": answer["data"][::-1]})
    assert (await vectors_of(scripted.url)).tolist() == [[1, 2], [3, 4]]
    scripted.replies.clear()
    scripted.says_json({"data": [{"embedding": [1.0]}, {"embedding": [2.0]}]})  # no index at all
    assert (await vectors_of(scripted.url)).tolist() == [[1], [2]]


async def test_base64_is_read_where_a_server_sends_it(scripted: Any) -> None:
    packed = base64.b64encode(struct.pack("<3f", 1, -2, 0.5)).decode()
    scripted.says_json(said(packed))
    assert (await vectors_of(scripted.url, ["a"])).tolist() == [[1, -2, 0.5]]


# --- servers that do not -------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (said([1.0]), "sent 1 vectors for 2 texts"),
        (said([1.0], [2.0], [3.0]), "sent 3 vectors for 2 texts"),
        (said([1.0, 2.0], [3.0]), "vectors of 1 and of 2 numbers"),
        (said([1.0, None], [2.0, 3.0]), "NaN or infinity (text 1 of 2)"),
        (said([1.0], [1e60]), "NaN or infinity (text 2 of 2)"),
        (said([[1.0, 2.0]], [[2.0, 3.0]]), "no list of numbers"),
        (said("!", "?"), "no list of numbers"),
        (said({"a": 1}, {"a": 2}), "no list of numbers"),
        (said([], []), "shape (2, 0)"),
        ({"data": [{"index": 0, "embedding": [1]}] * 2}, "belong to no text"),
        ({"data": ["a", "b"]}, "belong to no text"),
        ({"embeddings": [[1.0], [2.0]]}, "another API: check --embeddings-base-url"),
    ],
)
async def test_what_is_no_vector_for_each_text_is_named_and_not_asked_again(
    scripted: Any, answer: Any, words: str
) -> None:
    scripted.says_json(answer)
    error = await error_of(scripted.url)
    assert isinstance(error, BadVectors)
    assert not error.retryable
    assert words in str(error)
    assert "'m'" in str(error)
    assert scripted.url in str(error)


async def test_nan_written_as_python_does_is_named(scripted: Any) -> None:
    scripted.says('{"data": [{"embedding": [1.0, NaN]}, {"embedding": [1.0, Infinity]}]}')
    assert "NaN or infinity" in str(await error_of(scripted.url))


async def test_an_unknown_model_is_named_with_the_nearest(embedded_server: str) -> None:
    async with ServerEmbeddings("tiny-bose", embedded_server) as server:
        with pytest.raises(ModelNotFound, match="does not know model 'tiny-bose'") as caught:
            await server.embed(["a"])
    assert "tiny-base" in str(caught.value)


async def test_a_web_page_means_a_wrong_address(scripted: Any) -> None:
    scripted.says("<!doctype html><h1>Welcome</h1>", Content_Type="text/html")
    error = await error_of(scripted.url)
    assert isinstance(error, WrongAddress)
    assert "sent a web page" in str(error)
    assert "check --embeddings-base-url: it usually ends in /v1" in str(error)
    assert "'m'" in str(error)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, RequestRejected, "refuses the request"),
        (401, AuthenticationFailed, "--embeddings-api-key-env"),
        (404, WrongAddress, "--embeddings-base-url"),
        (429, RateLimited, "try again later"),
    ],
)
async def test_a_refusal_names_the_repair(
    scripted: Any, status: int, kind: type[ProviderError], words: str
) -> None:
    scripted.says_error("no", status)
    error = await error_of(scripted.url)
    assert isinstance(error, kind)
    assert words in str(error)
    assert " --base-url" not in str(error)


async def test_an_error_inside_an_answer_is_one(scripted: Any) -> None:
    scripted.says_json({"error": {"message": "model is loading", "code": 503}})
    assert "model is loading" in str(await error_of(scripted.url))


async def test_broken_json_can_be_asked_for_again(scripted: Any) -> None:
    scripted.says('{"data": [')
    error = await error_of(scripted.url)
    assert isinstance(error, BadResponse)
    assert error.retryable


async def test_the_key_is_never_shown(scripted: Any) -> None:
    scripted.says_error(f"bad key {KEY}", 401)
    assert KEY not in str(await error_of(scripted.url, api_key=KEY))
    assert KEY not in repr(ServerEmbeddings("m", scripted.url, KEY))


async def test_nobody_there_and_silence_are_told_apart(scripted: Any) -> None:
    error = await error_of("http://127.0.0.1:9/v1")
    assert isinstance(error, ServerUnreachable)
    assert "check --embeddings-base-url" in str(error)
    scripted.says_nothing()
    assert isinstance(await error_of(scripted.url, timeout_s=0.1), TimedOut)


def test_an_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="--embeddings-base-url"):
        ServerEmbeddings("m", "localhost:8000")


# --- functions -----------------------------------------------------------------------

MODULE = """
def embed(texts):
    return [[float(len(text)), 1.0] for text in texts]

async def later(texts):
    return embed(texts)

def raises(texts):
    raise KeyError("no\\nsuch thing")

def ragged(texts):
    return [[1.0] * (i + 1) for i in range(len(texts))]

def flat(texts):
    return [1.0] * len(texts)

def words(texts):
    return [["a", "b"]] * len(texts)

def nothing(texts):
    return None

number = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    (tmp_path / "own_vectors.py").write_text(MODULE)
    (tmp_path / "own_broken.py").write_text("import not_to_be_found")
    (tmp_path / "own_syntax.py").write_text("def f(:")
    return tmp_path


@pytest.mark.parametrize("name", ["embed", "later"])
async def test_a_function_of_the_folder_is_called_with_the_texts(folder: Path, name: str) -> None:
    async with named_function(f"own_vectors:{name}", folder) as model:
        assert (await model.embed(["a", "bcd"])).tolist() == [[1, 1], [3, 1]]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("own_nowhere:embed", "no module 'own_nowhere', neither installed nor in "),
        ("own_nowhere:latest", "give --embeddings-base-url"),
        ("own_broken:embed", "cannot be imported (ModuleNotFoundError: No module named 'not_to"),
        ("own_syntax:embed", "cannot be imported (SyntaxError"),
        ("own_vectors:embad", "has no 'embad'; did you mean 'embed'?"),
        ("own_vectors:number", "'number' is no function"),
    ],
)
def test_what_cannot_be_imported_is_named(folder: Path, spec: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        named_function(spec, folder)
    assert words in str(caught.value)
    assert spec in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("raises", "failed on 2 texts: KeyError: 'no"),
        ("ragged", "returned no array of numbers"),
        ("flat", "an array of shape (2,) for 2 texts; return one row of numbers a text"),
        ("words", "returned no array of numbers"),
        ("nothing", "own_vectors:nothing"),
    ],
)
async def test_a_function_that_returns_something_else_is_named(
    folder: Path, name: str, words: str
) -> None:
    model = named_function(f"own_vectors:{name}", folder)
    with pytest.raises(BadVectors) as caught:
        await model.embed(["a", "b"])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_any_array_like_is_taken() -> None:
    model = FunctionEmbeddings("f", lambda texts: np.ones((len(texts), 3), np.float16))
    assert (await model.embed(["a"])).dtype == np.float32
