"""The network's building blocks, each with its gradient. All arrays are (tokens, width)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

EPSILON = 1e-5
"""Keeps the norm of an all-zero token finite."""
MASKED = -1e9
"""Added to the attention score of a later position: its softmax is exactly zero."""


def softmax(scores: Array) -> Array:
    """Return probabilities over the last axis."""
    exponentials: Array = scores - scores.max(-1, keepdims=True)
    np.exp(exponentials, out=exponentials)
    exponentials /= exponentials.sum(-1, keepdims=True)
    return exponentials


# --- norm ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Normed:
    """What the gradient of a norm needs: the tokens at unit size, and the factor to get there."""

    unit: Array
    scale: Array


def rms_scale(x: Array) -> Array:
    """Return the factor that gives every token a mean square of 1."""
    mean_square = np.square(x).sum(-1, keepdims=True) * (1 / x.shape[-1])
    scale: Array = 1 / np.sqrt(mean_square + EPSILON)
    return scale


def norm(x: Array, gain: Array) -> tuple[Array, Normed]:
    """Return every token at unit size times a learned gain (RMSNorm)."""
    scale = rms_scale(x)
    unit = x * scale
    return unit * gain, Normed(unit, scale)


def norm_gradient(d_out: Array, gain: Array, saved: Normed) -> tuple[Array, Array]:
    """Return the gradients of the tokens and of the gain."""
    d_gain = (d_out * saved.unit).sum(0)
    d_unit = d_out * gain
    along = (d_unit * saved.unit).sum(-1, keepdims=True) * (1 / d_out.shape[-1])
    d_unit -= saved.unit * along
    d_unit *= saved.scale
    return d_unit, d_gain


# --- attention -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attended:
    """What the gradient of attention needs; by (rows, heads, positions, ...)."""

    query: Array
    key: Array
    value: Array
    weights: Array


def split_heads(x: Array, rows: int, heads: int) -> Array:
    """(tokens, 3 * width) -> (3, rows, heads, positions, head width)."""
    return x.reshape(rows, -1, 3, heads, x.shape[-1] // 3 // heads).transpose(2, 0, 3, 1, 4)


def attention(projected: Array, rows: int, heads: int) -> tuple[Array, Attended]:
    """Mix every token with the tokens before it.

    ``projected`` holds queries, keys and values side by side, (tokens, 3 * width).
    """
    query, key, value = np.ascontiguousarray(split_heads(projected, rows, heads))
    positions, head_width = query.shape[-2:]
    query *= head_width**-0.5
    scores = query @ key.swapaxes(-1, -2)
    scores += causal_mask(positions, scores.dtype)
    weights = softmax(scores)
    mixed = (weights @ value).transpose(0, 2, 1, 3).reshape(rows * positions, -1)
    return mixed, Attended(query, key, value, weights)


def attention_gradient(d_mixed: Array, saved: Attended) -> Array:
    """Return the gradient of ``projected``."""
    rows, heads, positions, head_width = saved.query.shape
    d_mixed = d_mixed.reshape(rows, positions, heads, head_width).transpose(0, 2, 1, 3)
    d_weights = d_mixed @ saved.value.swapaxes(-1, -2)
    d_weights -= (d_weights * saved.weights).sum(-1, keepdims=True)
    d_scores = d_weights * saved.weights
    d_projected = np.empty((rows, positions, 3, heads, head_width), d_scores.dtype)
    d_query, d_key, d_value = d_projected.transpose(2, 0, 3, 1, 4)
    np.multiply(d_scores @ saved.key, head_width**-0.5, out=d_query)
    d_key[...] = d_scores.swapaxes(-1, -2) @ saved.query
    d_value[...] = saved.weights.swapaxes(-1, -2) @ d_mixed
    return d_projected.reshape(rows * positions, -1)


def causal_mask(positions: int, dtype: Any) -> Array:
    """Return what to add to scores so that no token sees a later one."""
    return np.triu(np.full((positions, positions), MASKED, dtype), 1)
