"""The transformer: its weights, its loss and the loss's gradient.

Decoder-only, with RMSNorm before each block, ReLU, tied embeddings and learned positions. One
thing is unusual: every token's input also holds a learned share of the token before it. Without
it a network of this size does not learn to copy names out of a prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from harness.embedded.layers import (
    Array,
    Attended,
    Normed,
    attention,
    attention_gradient,
    norm,
    norm_gradient,
    softmax,
)
from harness.embedded.tokenizer import PADDING

SPREAD = 4
"""How much wider the feed-forward layer is than the network."""
INITIAL_SHARE = 0.3
"""How much of the previous token an untrained network mixes in."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """The sizes of a network; ``context`` is the longest sequence in tokens."""

    vocabulary: int
    width: int = 64
    layers: int = 2
    heads: int = 4
    context: int = 96


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer: attention, then a feed-forward network, each on normed tokens."""

    attention_gain: Array
    project: Array
    merge: Array
    feed_gain: Array
    spread: Array
    gather: Array


@dataclass(frozen=True, slots=True)
class Weights:
    """Every weight by name, as views on one flat array: (vocabulary, width) for tokens, ..."""

    tokens: Array
    positions: Array
    previous: Array
    layers: tuple[LayerWeights, ...]
    final_gain: Array


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded sequences, each (rows, positions): inputs, the next ids, and which of them count."""

    inputs: Array
    targets: Array
    scored: Array

    @classmethod
    def of(cls, sequences: Sequence[tuple[list[int], list[int]]], context: int) -> Batch:
        """Return chats (ids, scored) as one batch; the start of a long one is cut off."""
        positions = min(max(1, *(len(ids) - 1 for ids, _ in sequences)), context)
        shape = (len(sequences), positions)
        inputs, targets = np.full(shape, PADDING), np.full(shape, PADDING)
        scored = np.zeros(shape, bool)
        for row, (ids, marks) in enumerate(sequences):
            kept = ids[-positions - 1 :]
            length = max(0, len(kept) - 1)
            inputs[row, :length] = kept[:length]
            targets[row, :length] = kept[1:]
            scored[row, :length] = marks[-positions - 1 :][1:]
        return cls(inputs, targets, scored)


@dataclass(frozen=True, slots=True)
class BatchLoss:
    """What a batch cost: summed negative log-likelihood in nats, scored tokens, right guesses."""

    nll: float
    tokens: int
    correct: int


@dataclass(frozen=True, slots=True)
class LayerPass:
    """What one layer leaves behind for its gradient."""

    attention_input: Array
    attention_norm: Normed
    attended: Attended
    mixed: Array
    feed_input: Array
    feed_norm: Normed
    spread: Array


@dataclass(frozen=True, slots=True)
class Pass:
    """One forward pass up to the last norm; tokens are (rows * positions, width)."""

    layers: tuple[LayerPass, ...]
    output: Array
    output_norm: Normed


class Network:
    """A decoder-only transformer over one flat array of weights (float32, or float64 in tests)."""

    def __init__(self, config: NetworkConfig, weights: Array) -> None:
        self.config = config
        self.weights = weights
        self.named = _named(config, weights)

    @classmethod
    def initial(cls, config: NetworkConfig, seed: int) -> Network:
        """Return an untrained network."""
        network = cls(config, np.zeros(weight_count(config), np.float32))
        random = np.random.default_rng(seed)
        weights, width, depth = network.named, config.width, config.layers
        weights.tokens[...] = random.normal(0, 0.02, weights.tokens.shape)
        weights.positions[...] = random.normal(0, 0.02, weights.positions.shape)
        weights.previous[...] = INITIAL_SHARE
        weights.final_gain[...] = 1
        for layer in weights.layers:
            layer.attention_gain[...] = layer.feed_gain[...] = 1
            for matrix in (layer.project, layer.spread):
                matrix[...] = random.normal(0, width**-0.5, matrix.shape)
            for matrix in (layer.merge, layer.gather):  # small: layers start as near-identities
                matrix[...] = random.normal(0, 0.5 * (depth * len(matrix)) ** -0.5, matrix.shape)
        return network

    def copy(self) -> Network:
        """Return a network with its own weights."""
        return Network(self.config, self.weights.copy())

    def hidden_states(self, inputs: Array) -> Array:
        """Return what the last layer says at each place, (rows, positions, width)."""
        return self._forward(inputs).output.reshape(*inputs.shape, self.config.width)

    def loss(self, batch: Batch) -> BatchLoss:
        """Return what the batch costs."""
        scored = np.flatnonzero(batch.scored)
        targets = batch.targets.ravel()[scored]
        return _cost(self._probabilities(self._forward(batch.inputs), scored), targets)

    def loss_and_gradient(self, batch: Batch) -> tuple[BatchLoss, Array]:
        """Return the loss and the gradient of its mean over scored tokens, flat like weights."""
        scored = np.flatnonzero(batch.scored)
        targets = batch.targets.ravel()[scored]
        forward = self._forward(batch.inputs)
        probabilities = self._probabilities(forward, scored)
        loss = _cost(probabilities, targets)
        probabilities[np.arange(len(targets)), targets] -= 1
        probabilities *= 1 / max(1, len(targets))
        return loss, self._backward(batch.inputs, forward, scored, probabilities)

    def _probabilities(self, forward: Pass, scored: Array) -> Array:
        """Of every next token, at the scored places only: (scored, vocabulary)."""
        return softmax(forward.output[scored] @ self.named.tokens.T)

    def _forward(self, inputs: Array) -> Pass:
        rows = len(inputs)
        x = self._embed(inputs)
        passes = []
        for layer in self.named.layers:
            x, layer_pass = self._layer(x, layer, rows)
            passes.append(layer_pass)
        output, output_norm = norm(x, self.named.final_gain)
        return Pass(tuple(passes), output, output_norm)

    def _embed(self, inputs: Array) -> Array:
        weights = self.named
        x = weights.tokens[inputs]
        x[:, 1:] += x[:, :-1] * weights.previous
        x += weights.positions[: inputs.shape[1]]
        return x.reshape(-1, self.config.width)

    def _layer(self, x: Array, layer: LayerWeights, rows: int) -> tuple[Array, LayerPass]:
        attention_input, attention_norm = norm(x, layer.attention_gain)
        mixed, attended = attention(attention_input @ layer.project, rows, self.config.heads)
        x = x + mixed @ layer.merge
        feed_input, feed_norm = norm(x, layer.feed_gain)
        spread = np.maximum(feed_input @ layer.spread, 0)
        x += spread @ layer.gather
        return x, LayerPass(
            attention_input, attention_norm, attended, mixed, feed_input, feed_norm, spread
        )

    def _backward(self, inputs: Array, forward: Pass, scored: Array, d_logits: Array) -> Array:
        """Walk the forward pass back; ``d_logits`` is (scored, vocabulary)."""
        flat = np.zeros_like(self.weights)
        gradient = _named(self.config, flat)
        gradient.tokens[...] = d_logits.T @ forward.output[scored]
        d_output = np.zeros_like(forward.output)
        d_output[scored] = d_logits @ self.named.tokens
        dx, gradient.final_gain[...] = norm_gradient(
            d_output, self.named.final_gain, forward.output_norm
        )
        layers = zip(self.named.layers, gradient.layers, forward.layers, strict=True)
        for layer, into, layer_pass in reversed(list(layers)):
            dx = _layer_gradient(dx, layer, into, layer_pass)
        self._embed_gradient(inputs, dx, gradient)
        return flat

    def _embed_gradient(self, inputs: Array, dx: Array, gradient: Weights) -> None:
        dx = dx.reshape(*inputs.shape, -1)
        before = self.named.tokens[inputs[:, :-1]]
        gradient.previous[...] = (dx[:, 1:] * before).sum((0, 1))
        gradient.positions[: inputs.shape[1]] = dx.sum(0)
        d_tokens = dx.copy()
        d_tokens[:, :-1] += dx[:, 1:] * self.named.previous
        np.add.at(gradient.tokens, inputs.ravel(), d_tokens.reshape(-1, dx.shape[-1]))


def _layer_gradient(dx: Array, layer: LayerWeights, into: LayerWeights, saved: LayerPass) -> Array:
    """Write a layer's gradients and return that of its input."""
    into.gather[...] = saved.spread.T @ dx
    d_spread = (dx @ layer.gather.T) * (saved.spread > 0)
    into.spread[...] = saved.feed_input.T @ d_spread
    d_feed, into.feed_gain[...] = norm_gradient(
        d_spread @ layer.spread.T, layer.feed_gain, saved.feed_norm
    )
    dx = dx + d_feed
    into.merge[...] = saved.mixed.T @ dx
    d_projected = attention_gradient(dx @ layer.merge.T, saved.attended)
    into.project[...] = saved.attention_input.T @ d_projected
    d_attention, into.attention_gain[...] = norm_gradient(
        d_projected @ layer.project.T, layer.attention_gain, saved.attention_norm
    )
    dx += d_attention
    return dx


def _cost(probabilities: Array, targets: Array) -> BatchLoss:
    chosen = probabilities[np.arange(len(targets)), targets]
    smallest = np.finfo(probabilities.dtype).tiny  # an impossible token costs a lot, not infinity
    nll = -np.log(np.maximum(chosen, smallest)).sum(dtype=np.float64)
    correct = (probabilities.argmax(-1) == targets).sum()
    return BatchLoss(float(nll), len(targets), int(correct))


def weight_count(config: NetworkConfig) -> int:
    """Return how many weights a network of these sizes has."""
    shapes = [*_outer_shapes(config), *_layer_shapes(config) * config.layers]
    return sum(prod(shape) for shape in shapes)


def _outer_shapes(config: NetworkConfig) -> list[tuple[int, ...]]:
    width = config.width
    return [(config.vocabulary, width), (config.context, width), (width,), (width,)]


def _layer_shapes(config: NetworkConfig) -> list[tuple[int, ...]]:
    width, wide = config.width, SPREAD * config.width
    return [(width,), (width, 3 * width), (width, width), (width,), (width, wide), (wide, width)]


def _named(config: NetworkConfig, flat: Array) -> Weights:
    """Views on a flat array, in the order of the shapes."""
    start = 0

    def take(shape: tuple[int, ...]) -> Array:
        nonlocal start
        start += prod(shape)
        return flat[start - prod(shape) : start].reshape(shape)

    tokens, positions, previous, final_gain = map(take, _outer_shapes(config))
    layers = (LayerWeights(*map(take, _layer_shapes(config))) for _ in range(config.layers))
    return Weights(tokens, positions, previous, tuple(layers), final_gain)
