"""Embeddings of the embedded model, as the real openai client meets them over a socket."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest

from harness.embedded.refusals import Refusal
from harness.embedded.workshop import Workshop

TEXTS = ["the train was late again", "boil the rice for ten minutes", "my invoice is wrong"]


@pytest.fixture(scope="module")
def client(embedded_server: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=embedded_server, api_key="none", max_retries=0) as client:
        yield client


def vectors(client: openai.OpenAI, texts: str | list[str], **options: Any) -> np.ndarray:
    reply = client.embeddings.create(model="tiny-base", input=texts, **options)
    assert [one.index for one in reply.data] == list(range(len(reply.data)))
    return np.array([one.embedding for one in reply.data])


def test_a_text_is_a_vector_of_length_one_and_always_the_same(client: openai.OpenAI) -> None:
    once, again = vectors(client, TEXTS), vectors(client, TEXTS)
    assert once.shape == (3, 64)
    assert np.allclose(np.linalg.norm(once, axis=1), 1, atol=1e-6)
    assert np.array_equal(once, again)


def test_company_does_not_change_a_text(client: openai.OpenAI) -> None:
    alone = np.concatenate([vectors(client, text) for text in TEXTS])
    assert np.allclose(
        vectors(client, [*TEXTS, "a " * 300]), [*alone, *vectors(client, "a " * 300)], atol=1e-5
    )


def test_texts_of_one_topic_are_nearer_than_others(client: openai.OpenAI) -> None:
    trains = ["the train was late", "the train left late"]
    a, b, c = vectors(client, [*trains, "how long do I boil the rice"])
    assert a @ b > a @ c


def test_numbers_and_base64_hold_the_same_vector(client: openai.OpenAI) -> None:
    floats = vectors(client, TEXTS, encoding_format="float")
    assert np.allclose(vectors(client, TEXTS), floats, atol=1e-7)  # base64, which it unpacks
    packed = client.embeddings.create(model="tiny-base", input=TEXTS, encoding_format="base64")
    assert all(isinstance(one.embedding, str) for one in packed.data)


def test_base64_is_that_of_little_endian_floats(workshop: Workshop) -> None:
    body = {"model": "tiny-base", "input": TEXTS[0], "encoding_format": "base64"}
    packed = workshop.embed(body)["data"][0]["embedding"]
    plain = workshop.embed(body | {"encoding_format": "float"})["data"][0]["embedding"]
    assert struct.unpack("<64f", base64.b64decode(packed)) == pytest.approx(plain)


def test_usage_counts_the_tokens_that_were_read(client: openai.OpenAI) -> None:
    one = client.embeddings.create(model="tiny-base", input=TEXTS[:1])
    all_three = client.embeddings.create(model="tiny-base", input=TEXTS)
    assert one.model == "tiny-base"
    assert 3 < one.usage.prompt_tokens < all_three.usage.prompt_tokens
    assert all_three.usage.total_tokens == all_three.usage.prompt_tokens


def test_a_text_longer_than_the_context_is_read_whole(client: openai.OpenAI) -> None:
    start = "the train was late " * 40
    a, b = vectors(client, [start, start + "boil the rice for ten minutes " * 40])
    assert a @ b < 0.999


def test_an_unknown_model_is_named_with_the_nearest(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match=r"tiny-bass.*tiny-base"):
        client.embeddings.create(model="tiny-bass", input="x")


def test_only_the_width_that_there_is_can_be_asked_for(client: openai.OpenAI) -> None:
    assert vectors(client, TEXTS, dimensions=64).shape == (3, 64)
    with pytest.raises(openai.BadRequestError, match="specifying dimensions: it has 64"):
        vectors(client, TEXTS, dimensions=32)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"input": ""}, r"input\[0\].*empty text"),
        ({"input": ["a", ""]}, r"input\[1\].*empty text"),
        ({"input": []}, "Invalid 'input'"),
        ({"input": [1, 2]}, "Invalid 'input"),
        ({"input": ["x"] * 2049}, "2049 texts are more than 2048"),
        ({"input": "x " * 9000}, "8192 is the most"),
        ({"encoding_format": "int8"}, "Invalid 'encoding_format'"),
        ({"format": "float"}, "Unrecognized request argument supplied: format"),
        ({"input": None}, "Invalid 'input'"),
    ],
)
def test_what_cannot_be_embedded_is_refused(
    workshop: Workshop, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refusal, match=said):
        workshop.embed({"model": "tiny-base", "input": "x"} | changes)
