"""Many prompts answered side by side: what makes a study of hundreds of runs affordable.

The product answers one request at a time, so that no answer depends on another request. Here
prompts of equal length share a pass; greedy answers are the same but for the last digits of
floats, sampled ones come from the same distribution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from harness.blas import one_thread
from harness.embedded.decoding import Decoder
from harness.embedded.layers import Array
from harness.embedded.network import Network
from harness.embedded.tokenizer import Tokenizer
from harness.records import Completion, Sample, Sampling

MOST_ROWS = 250
"""Of one pass; more fall out of the processor's cache."""

WORTH_DROPPING = 0.8
"""Rows that have ended are dropped when no more than this share still goes on."""


def answers(
    network: Network,
    tokenizer: Tokenizer,
    samples: Sequence[Sample],
    sampling: Sampling,
    seed: Sequence[int],
) -> list[list[Completion]]:
    """``sampling.n`` completions of every sample's prompt, in order."""
    prompts = [tokenizer.prompt(sample.messages) for sample in samples]
    found: list[list[Completion]] = [[] for _ in samples]
    random = np.random.default_rng(seed)
    for rows in _alike(prompts, sampling.n):
        ids = np.array([prompts[row] for row in rows])
        for row, said in zip(rows, _said(network, ids, tokenizer, sampling, random), strict=True):
            found[row].append(said)
    return found


def _alike(prompts: Sequence[Sequence[int]], n: int) -> Iterator[list[int]]:
    """Rows of equal length, each ``n`` times, in passes of a good size."""
    groups: dict[int, list[int]] = {}
    for row, prompt in enumerate(prompts):
        groups.setdefault(len(prompt), []).extend([row] * n)
    for rows in groups.values():
        for start in range(0, len(rows), MOST_ROWS):
            yield rows[start : start + MOST_ROWS]


def _said(
    network: Network,
    prompts: Array,
    tokenizer: Tokenizer,
    sampling: Sampling,
    random: np.random.Generator,
) -> Iterator[Completion]:
    """A completion for each row of (rows, positions) ids."""
    rows, positions = prompts.shape
    limit = min(sampling.max_tokens or 32, network.config.context - positions)
    picked = np.full((rows, limit), tokenizer.end)
    active = np.arange(rows)
    with one_thread:
        decoder = Decoder(network, positions + limit)
        decoder.repeat(rows)
        logits = decoder.advance(prompts)
        for step in range(limit):
            tokens = _picked(logits, sampling.temperature or 0.0, random)
            picked[active, step] = tokens
            going = tokens != tokenizer.end
            if step + 1 == limit or not going.any():
                break
            if going.mean() < WORTH_DROPPING:
                active, tokens = active[going], tokens[going]
                _keep(decoder, going)
            logits = decoder.advance(tokens[:, None])
    for ids in picked.tolist():
        ended = tokenizer.end in ids
        kept = ids[: ids.index(tokenizer.end)] if ended else ids
        yield Completion(tokenizer.decode(kept), "stop" if ended else "length")


def _keep(decoder: Decoder, rows: Array) -> None:
    """Go on with some rows only."""
    decoder.keys = [keys[rows] for keys in decoder.keys]
    decoder.values = [values[rows] for values in decoder.values]
    decoder.last = decoder.last[rows]


def _picked(logits: Array, temperature: float, random: np.random.Generator) -> Array:
    """The next token of each row."""
    if temperature <= 0:
        return np.asarray(logits.argmax(-1))
    weights = np.exp((logits - logits.max(-1, keepdims=True)) / temperature)
    reached = weights.cumsum(-1)
    drawn = random.random((len(weights), 1)) * reached[:, -1:]
    return np.asarray((reached <= drawn).sum(-1))
