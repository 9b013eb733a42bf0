"""Sampling from a network, one request at a time.

Requests are never batched together, so an answer depends on its own request only. The choices
of one request share the work on the prompt and then advance side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.blas import one_thread
from harness.embedded.layers import Array, causal_mask, rms_scale, softmax
from harness.embedded.network import LayerWeights, Network

FinishReason = Literal["stop", "length"]
Ranked = tuple[tuple[int, float], ...]
"""Tokens with their log-probabilities, likeliest first."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One continuation, without its <end>.

    ``logprobs`` has one entry an id; ``top_logprobs`` one ranking an id, empty when none was
    asked for. Both are the model's own, before temperature and top_p.
    """

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    top_logprobs: tuple[Ranked, ...]
    finish_reason: FinishReason


def generate(
    network: Network,
    prompt: Sequence[int],
    *,
    n: int = 1,
    max_tokens: int = 32,
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int | None = None,
    end: int,
    top_logprobs: int = 0,
) -> list[Choice]:
    """Return n continuations of a prompt; the same arguments give the same choices.

    The start of a prompt that leaves no room for ``max_tokens`` is cut off, and at least one
    token of it stays. Temperature 0 always takes the likeliest token. Without a seed every call
    is different; with one the draws still differ from prompt to prompt.
    """
    context = network.config.context
    max_tokens = max(1, min(max_tokens, context - 1))
    kept = np.array([prompt[-(context - max_tokens) :]])
    sampler = _Sampler(temperature, top_p, _random(seed, kept), top_logprobs)
    stopped = np.zeros(n, bool)
    steps: list[_Step] = []
    with one_thread:
        decoder = Decoder(network, capacity=kept.size + max_tokens)
        logits = decoder.advance(kept).repeat(n, 0)
        decoder.repeat(n)
        while True:
            steps.append(sampler.step(logits))
            stopped |= steps[-1].picked == end
            if stopped.all() or len(steps) == max_tokens:
                break
            logits = decoder.advance(steps[-1].picked[:, None])
    return [_choice(steps, row, end) for row in range(n)]


def _random(seed: int | None, prompt: Array) -> np.random.Generator:
    """One seed draws differently for every prompt, so that prompts stay independent samples."""
    if seed is None:
        return np.random.default_rng()
    return np.random.default_rng([seed % 2**64, *prompt.ravel().tolist()])


@dataclass(frozen=True, slots=True)
class _Step:
    """One position of all rows: the tokens picked, and the likeliest (rows, top_logprobs)."""

    picked: Array
    logprobs: Array
    likeliest: Array
    likeliest_logprobs: Array


@dataclass(frozen=True, slots=True)
class _Sampler:
    """Picks next tokens."""

    temperature: float
    top_p: float
    random: np.random.Generator
    top_logprobs: int

    def step(self, logits: Array) -> _Step:
        """Pick one token a row."""
        logits = logits - logits.max(-1, keepdims=True)
        logprobs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        picked = self._pick(logprobs)
        likeliest = _likeliest(logprobs, self.top_logprobs)
        return _Step(
            picked,
            _at(logprobs, picked[:, None])[:, 0],
            likeliest,
            _at(logprobs, likeliest),
        )

    def _pick(self, logprobs: Array) -> Array:
        if self.temperature <= 0:
            return np.asarray(logprobs.argmax(-1))
        weights = np.exp(logprobs / self.temperature)
        if self.top_p < 1:
            weights = _nucleus(weights, self.top_p)
        reached = weights.cumsum(-1)
        drawn = self.random.random((len(weights), 1)) * reached[:, -1:]
        return np.asarray((reached <= drawn).sum(-1))


def _likeliest(logprobs: Array, count: int) -> Array:
    """The tokens of the highest log-probabilities, (rows, count); ties go to the lower id."""
    if count == 0:  # the usual case, and sorting the vocabulary is slow
        return np.empty((len(logprobs), 0), np.intp)
    return np.argsort(-logprobs, -1, kind="stable")[:, :count]


def _nucleus(weights: Array, share: float) -> Array:
    """Zero all but the likeliest tokens that together hold the share; the first always stays."""
    order = np.argsort(-weights, -1, kind="stable")
    ranked = _at(weights, order)
    before = ranked.cumsum(-1) - ranked
    ranked[before >= share * weights.sum(-1, keepdims=True)] = 0
    ranked[:, 0] = _at(weights, order[:, :1])[:, 0]
    kept = np.empty_like(weights)
    np.put_along_axis(kept, order, ranked, -1)
    return kept


def _at(values: Array, columns: Array) -> Array:
    """The values of each row at its own columns."""
    return np.take_along_axis(values, columns, -1)


def _choice(steps: Sequence[_Step], row: int, end: int) -> Choice:
    """One row's tokens up to its <end>."""
    ids = [int(step.picked[row]) for step in steps]
    length = ids.index(end) if end in ids else len(ids)
    kept = steps[:length]
    return Choice(
        ids=tuple(ids[:length]),
        logprobs=tuple(float(step.logprobs[row]) for step in kept),
        top_logprobs=tuple(_ranking(step, row) for step in kept),
        finish_reason="stop" if end in ids else "length",
    )


def _ranking(step: _Step, row: int) -> Ranked:
    tokens, logprobs = step.likeliest[row], step.likeliest_logprobs[row]
    return tuple(zip(tokens.tolist(), logprobs.tolist(), strict=True))


class Decoder:
    """Runs a network forward over rows that grow, and remembers keys and values.

    Gains are folded into the matrices behind them: one product less per norm and token.
    """

    def __init__(self, network: Network, capacity: int) -> None:
        config, weights = network.config, network.named
        self.heads = config.heads
        self.weights = weights
        self.layers = [_Layer.of(layer, config.heads) for layer in weights.layers]
        self.output = (weights.tokens * weights.final_gain).T
        shape = (1, config.heads, capacity, config.width // config.heads)
        dtype = weights.tokens.dtype
        self.keys = [np.zeros(shape, dtype) for _ in self.layers]
        self.values = [np.zeros(shape, dtype) for _ in self.layers]
        self.length = 0
        self.last = np.zeros((1, 1, config.width), dtype)

    def repeat(self, rows: int) -> None:
        """Turn the one row so far into so many equal ones."""
        self.keys = [keys.repeat(rows, 0) for keys in self.keys]
        self.values = [values.repeat(rows, 0) for values in self.values]
        self.last = self.last.repeat(rows, 0)

    def advance(self, ids: Array) -> Array:
        """Append ids (rows, positions) and return the next token's logits (rows, vocabulary)."""
        rows, positions = ids.shape
        x = self._embed(ids).reshape(rows * positions, -1)
        for place, layer in enumerate(self.layers):
            projected = (x * rms_scale(x)) @ layer.project
            x = x + self._attend(projected, place, rows) @ layer.merge
            spread = (x * rms_scale(x)) @ layer.spread
            x += np.maximum(spread, 0, out=spread) @ layer.gather
        self.length += positions
        final = x.reshape(rows, positions, -1)[:, -1]
        return np.asarray((final * rms_scale(final)) @ self.output)

    def _embed(self, ids: Array) -> Array:
        tokens = self.weights.tokens[ids]
        before = np.concatenate([self.last, tokens[:, :-1]], 1) if ids.shape[1] > 1 else self.last
        self.last = tokens[:, -1:]
        reached = self.length + ids.shape[1]
        x: Array = tokens + before * self.weights.previous
        x += self.weights.positions[self.length : reached]
        return x

    def _attend(self, projected: Array, place: int, rows: int) -> Array:
        width = projected.shape[-1] // 3
        split = projected.reshape(rows, -1, 3, self.heads, width // self.heads)
        query, key, value = split.transpose(2, 0, 3, 1, 4)
        positions = query.shape[2]
        reached = self.length + positions
        keys, values = self.keys[place][:, :, :reached], self.values[place][:, :, :reached]
        keys[:, :, self.length :], values[:, :, self.length :] = key, value
        scores = query @ keys.swapaxes(-1, -2)
        if positions > 1:
            scores[..., self.length :] += causal_mask(positions, scores.dtype)
        return (softmax(scores) @ values).transpose(0, 2, 1, 3).reshape(rows * positions, width)


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer's matrices with the gains before them folded in, and its queries scaled."""

    project: Array
    merge: Array
    spread: Array
    gather: Array

    @classmethod
    def of(cls, layer: LayerWeights, heads: int) -> _Layer:
        width = len(layer.project)
        project = layer.project * layer.attention_gain[:, None]
        project[:, :width] *= (width // heads) ** -0.5
        spread = layer.spread * layer.feed_gain[:, None]
        return cls(project, layer.merge, spread, layer.gather)
