"""Fine-tuning: all weights, the loss on what the assistant says, one report an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.embedded.network import Network
from harness.embedded.tokenizer import Message, Tokenizer


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


def finetune(
    base: Network,
    tokenizer: Tokenizer,
    examples: Sequence[Sequence[Message]],
    hyperparameters: Hyperparameters,
    validation: Sequence[Sequence[Message]] = (),
) -> Iterator[StepReport | EpochReport]:
    """Tune a copy of base, reporting every step and every epoch; stop consuming to cancel."""
    raise NotImplementedError
