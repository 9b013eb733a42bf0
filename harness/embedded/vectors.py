"""Texts as vectors: the network's last hidden states, averaged over a text and of length 1.

A text that is longer than the network's context is read in pieces, one context after the other.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.blas import one_thread
from harness.embedded.bodies import EmbeddingsBody
from harness.embedded.layers import Array
from harness.embedded.network import Network
from harness.embedded.refusals import Refusal
from harness.embedded.tokenizer import PADDING, Tokenizer

MOST_TEXTS = 2048
MOST_TEXT_TOKENS = 8192
MOST_TOKENS = 300_000
"""The hosted API's own limits: texts of a request, tokens of a text and of a request."""

ROWS = 64
"""How many pieces the network reads at once."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of some texts, (texts, width), and how many tokens were read."""

    vectors: Array
    tokens: int


def embedded(body: EmbeddingsBody, network: Network, tokenizer: Tokenizer) -> Embedded:
    """Return the vectors that a request asks for.

    Raises:
        Refusal: no text, too many or too long ones, or another number of dimensions.
    """
    width = network.config.width
    if body.dimensions not in (None, width):
        raise Refusal(
            f"This model does not support specifying dimensions: it has {width}.",
            param="dimensions",
            code="invalid_value",
        )
    ids = [tokenizer.encode(text) for text in checked_texts(body)]
    check_sizes([len(one) for one in ids])
    return Embedded(mean_states(network, ids), sum(map(len, ids)))


def checked_texts(body: EmbeddingsBody) -> list[str]:
    """Return the texts of a request, none of them empty."""
    texts = [body.input] if isinstance(body.input, str) else body.input
    if len(texts) > MOST_TEXTS:
        raise too_much(f"{len(texts)} texts are more than {MOST_TEXTS} in one request")
    for place, text in enumerate(texts):
        if not text:
            raise Refusal(
                f"Invalid 'input[{place}]': an empty text has no embedding.",
                param="input",
                code="invalid_value",
            )
    return texts


def check_sizes(tokens: Sequence[int]) -> None:
    """Refuse what the hosted API would refuse as too long."""
    longest = max(tokens)
    if longest > MOST_TEXT_TOKENS:
        raise too_much(f"a text has {longest} tokens, and {MOST_TEXT_TOKENS} is the most")
    if sum(tokens) > MOST_TOKENS:
        raise too_much(f"{sum(tokens)} tokens are more than {MOST_TOKENS} in one request")


def too_much(what: str) -> Refusal:
    """Return the refusal of a request that is too large."""
    return Refusal(f"Invalid 'input': {what}.", param="input", code="invalid_value")


def mean_states(network: Network, texts: Sequence[Sequence[int]]) -> Array:
    """Return a unit vector for each text's ids, (texts, width).

    Equal texts are read once: on some processors a row's place in a batch changes its last bits.
    """
    context = network.config.context
    places = {ids: place for place, ids in enumerate(dict.fromkeys(map(tuple, texts)))}
    pieces = [
        (place, ids[start : start + context])
        for ids, place in places.items()
        for start in range(0, len(ids), context)
    ]
    pieces.sort(key=lambda piece: len(piece[1]))  # rows of like length need little padding
    sums = np.zeros((len(places), network.config.width), np.float32)
    with one_thread:
        for start in range(0, len(pieces), ROWS):
            part = pieces[start : start + ROWS]
            np.add.at(sums, [place for place, _ in part], summed(network, [i for _, i in part]))
    lengths: Array = np.linalg.norm(sums, axis=1, keepdims=True)
    vectors = sums / np.maximum(lengths, np.finfo(np.float32).tiny)
    return np.asarray(vectors[[places[tuple(ids)] for ids in texts]])


def summed(network: Network, pieces: Sequence[Sequence[int]]) -> Array:
    """Return the sum of each piece's hidden states, (pieces, width); padding does not count."""
    lengths = np.array([len(ids) for ids in pieces])
    inputs = np.full((len(pieces), int(lengths.max())), PADDING)
    for row, ids in enumerate(pieces):
        inputs[row, : len(ids)] = ids
    counted = np.arange(inputs.shape[1]) < lengths[:, None]
    states = network.hidden_states(inputs)
    return np.asarray((states * counted[:, :, None]).sum(1))


# --- the hosted API's JSON ---------------------------------------------------------------


def embedding_list(found: Embedded, body: EmbeddingsBody) -> dict[str, Any]:
    """Return the list of ``embedding`` objects, as numbers or as base64 of little-endian floats."""
    as_text = body.encoding_format == "base64"
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": as_base64(vector) if as_text else vector.tolist(),
        }
        for index, vector in enumerate(found.vectors)
    ]
    usage = {"prompt_tokens": found.tokens, "total_tokens": found.tokens}
    return {"object": "list", "data": data, "model": body.model, "usage": usage}


def as_base64(vector: Array) -> str:
    """Return a vector's 32-bit floats as text."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
