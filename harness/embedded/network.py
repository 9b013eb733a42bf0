"""The transformer: its weights, its loss and the loss's gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """The sizes of a network; ``context`` is the longest sequence in tokens."""

    vocabulary: int
    width: int = 64
    layers: int = 2
    heads: int = 4
    context: int = 96


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded sequences, each (rows, positions): inputs, the next ids, and which of them count."""

    inputs: Array
    targets: Array
    scored: Array


@dataclass(frozen=True, slots=True)
class BatchLoss:
    """What a batch cost: summed negative log-likelihood in nats, scored tokens, right guesses."""

    nll: float
    tokens: int
    correct: int


class Network:
    """A decoder-only transformer over one flat float32 array of weights."""

    def __init__(self, config: NetworkConfig, weights: Array) -> None:
        self.config = config
        self.weights = weights

    @classmethod
    def initial(cls, config: NetworkConfig, seed: int) -> Network:
        """Return an untrained network."""
        raise NotImplementedError

    def copy(self) -> Network:
        """Return a network with its own weights."""
        return Network(self.config, np.array(self.weights))

    def loss(self, batch: Batch) -> BatchLoss:
        """Return what the batch costs."""
        raise NotImplementedError

    def loss_and_gradient(self, batch: Batch) -> tuple[BatchLoss, Array]:
        """Return the loss and the gradient of its mean over scored tokens, flat like weights."""
        raise NotImplementedError
