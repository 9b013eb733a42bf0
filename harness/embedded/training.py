"""Fine-tuning: all weights, the loss on what the assistant says, one report an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from random import Random

import numpy as np

from harness.blas import one_thread
from harness.embedded.layers import Array
from harness.embedded.network import Batch, BatchLoss, Network
from harness.embedded.tokenizer import Tokenizer
from harness.records import Message

Chat = tuple[list[int], list[int]]
"""The ids of an example, and 1 where the assistant speaks."""

WARM_UP_STEPS = 4
FLOOR = 1e-3
"""Large, because examples show a few words of many. With the usual 1e-8 the words that they never
show drift away with full steps, and with them the skill of copying a new name out of a prompt."""
CHECK_SIZE = 32
"""Validation examples a batch; how large makes no difference but to speed."""


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """How to tune. The learning rate is constant, so epoch k of any run is the k-epoch run."""

    epochs: int
    batch_size: int = 4
    learning_rate: float = 2e-3
    seed: int = 0


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one optimiser step saw: mean loss in nats a token, and the share of tokens guessed."""

    step: int
    total_steps: int
    train_loss: float
    train_token_accuracy: float


@dataclass(frozen=True, slots=True)
class EpochReport:
    """The checkpoint at the end of an epoch; the training numbers are means over the epoch."""

    epoch: int
    step: int
    network: Network
    train_loss: float
    train_token_accuracy: float
    valid_loss: float | None = None
    valid_token_accuracy: float | None = None


class Adam:
    """The usual optimiser: steps as long as the gradient is steady, on clipped gradients.

    A weight whose gradients are small against ``floor`` hardly moves.
    """

    momentum = 0.9
    memory = 0.99
    longest_gradient = 1.0

    def __init__(self, weights: Array, floor: float) -> None:
        self.weights = weights
        self.floor = floor
        self.steps = 0
        self._mean = np.zeros_like(weights)
        self._square = np.zeros_like(weights)

    def step(self, gradient: Array, learning_rate: float) -> None:
        """Move the weights. The gradient's array is used up."""
        gradient *= min(1.0, self.longest_gradient / max(1e-12, float(np.linalg.norm(gradient))))
        self.steps += 1
        self._mean *= self.momentum
        self._mean += (1 - self.momentum) * gradient
        self._square *= self.memory
        gradient *= gradient
        gradient *= 1 - self.memory
        self._square += gradient
        size = np.sqrt(self._square * (1 / (1 - self.memory**self.steps)))
        size += self.floor
        move = self._mean * (learning_rate / (1 - self.momentum**self.steps))
        move /= size
        self.weights -= move


def finetune(
    base: Network,
    tokenizer: Tokenizer,
    examples: Sequence[Sequence[Message]],
    hyperparameters: Hyperparameters,
    validation: Sequence[Sequence[Message]] = (),
) -> Iterator[StepReport | EpochReport]:
    """Tune a copy of base, reporting every step and every epoch; stop consuming to cancel.

    Nothing depends on how many epochs are still to come. Examples longer than the network's
    context lose their start; ones in which the assistant says nothing teach nothing.

    Raises:
        ValueError: there are no examples.
    """
    if not examples:
        raise ValueError("no examples to tune on; add at least one chat")
    network, random = base.copy(), Random(hyperparameters.seed)
    optimiser = Adam(network.weights, FLOOR)
    chats = [tokenizer.chat(messages) for messages in examples]
    checks = _batches([tokenizer.chat(messages) for messages in validation], CHECK_SIZE, network)
    total_steps = hyperparameters.epochs * ceil(len(chats) / hyperparameters.batch_size)
    for epoch in range(1, hyperparameters.epochs + 1):
        losses = []
        shuffled = random.sample(chats, len(chats))
        for batch in _batches(shuffled, hyperparameters.batch_size, network):
            loss = _learn(batch, network, optimiser, hyperparameters.learning_rate)
            losses.append(loss)
            yield StepReport(optimiser.steps, total_steps, *_means([loss]))
        valid = _means([_check(batch, network) for batch in checks]) if checks else (None, None)
        yield EpochReport(epoch, optimiser.steps, network.copy(), *_means(losses), *valid)


def _batches(chats: Sequence[Chat], size: int, network: Network) -> list[Batch]:
    groups = (chats[start : start + size] for start in range(0, len(chats), size))
    return [Batch.of(group, network.config.context) for group in groups]


def _learn(batch: Batch, network: Network, optimiser: Adam, learning_rate: float) -> BatchLoss:
    """Take one step, a shorter one while the optimiser knows few gradients."""
    with one_thread:
        loss, gradient = network.loss_and_gradient(batch)
        optimiser.step(gradient, learning_rate * min(1.0, (optimiser.steps + 1) / WARM_UP_STEPS))
    return loss


def _check(batch: Batch, network: Network) -> BatchLoss:
    with one_thread:
        return network.loss(batch)


def _means(losses: Sequence[BatchLoss]) -> tuple[float, float]:
    """Loss and token accuracy over all scored tokens; NaN where there are none."""
    tokens = sum(loss.tokens for loss in losses)
    if tokens == 0:
        return float("nan"), float("nan")
    nll, correct = sum(loss.nll for loss in losses), sum(loss.correct for loss in losses)
    return nll / tokens, correct / tokens
