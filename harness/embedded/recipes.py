"""What decides a tuned model: its data, hyperparameters and seed, and the name made of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from harness.embedded.bodies import JobBody, JobHyperparameters
from harness.embedded.models import BASE, Model
from harness.embedded.training import Hyperparameters
from harness.embedded.training_files import Example

LEARNING_RATE = 2e-3
"""The embedded model's own; a job's multiplier scales it."""

DEFAULT_BATCH_SIZE = 4
DEFAULT_SEED = 0
TARGET_EPOCHS = 3
MOST_EPOCHS = 25
FEWEST_EXAMPLE_VISITS = 100
MOST_EXAMPLE_VISITS = 25_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a tuned model depends on; equal recipes give equal weights and names."""

    base: Model
    training: bytes
    validation: bytes | None
    epochs: int
    batch_size: int
    learning_rate_multiplier: float
    seed: int
    suffix: str

    @property
    def hyperparameters(self) -> Hyperparameters:
        """What training takes."""
        return Hyperparameters(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=LEARNING_RATE * self.learning_rate_multiplier,
            seed=self.seed,
        )

    @property
    def json(self) -> dict[str, Any]:
        """The hyperparameters in the API's words."""
        return {
            "n_epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate_multiplier": self.learning_rate_multiplier,
        }

    @property
    def model(self) -> str:
        """The tuned model's name, the same in every process."""
        return f"ft:{BASE}:embedded:{self.suffix}:{self.digest}"

    @property
    def digest(self) -> str:
        """Eight hex digits of everything but the suffix; each part is hashed with its length."""
        parts = (
            self.base.id.encode(),
            self.base.network.weights.tobytes(),
            self.training,
            b"" if self.validation is None else self.validation,
            orjson.dumps(self.json, option=orjson.OPT_SORT_KEYS),
            str(self.seed).encode(),
        )
        digest = hashlib.blake2b(digest_size=4)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()

    def checkpoint(self, epoch: int, step: int) -> str:
        """The name of the model after an epoch; the last one is the tuned model itself."""
        return self.model if epoch == self.epochs else f"{self.model}:ckpt-step-{step}"


def recipe_of(
    body: JobBody, base: Model, training: bytes, validation: bytes | None, examples: list[Example]
) -> Recipe:
    """Return the recipe of a job; what the body leaves out is the embedded model's default."""
    asked = asked_hyperparameters(body)
    return Recipe(
        base=base,
        training=training,
        validation=validation,
        epochs=chosen(asked.n_epochs, default_epochs(len(examples))),
        batch_size=chosen(asked.batch_size, DEFAULT_BATCH_SIZE),
        learning_rate_multiplier=float(chosen(asked.learning_rate_multiplier, 1.0)),
        seed=DEFAULT_SEED if body.seed is None else body.seed,
        suffix=body.suffix or "",
    )


def asked_hyperparameters(body: JobBody) -> JobHyperparameters:
    """Return the hyperparameters from where the API has them now, or had them before."""
    current = body.method and body.method.supervised and body.method.supervised.hyperparameters
    return current or body.hyperparameters or JobHyperparameters()


T = TypeVar("T", int, float)


def chosen(asked: T | str | None, default: T) -> T:
    """Return what was asked for, or the default for ``auto`` and nothing."""
    return default if asked is None or isinstance(asked, str) else asked


def default_epochs(examples: int) -> int:
    """Return the epochs that ``auto`` means: an estimate of the hosted API's own rule."""
    if examples * TARGET_EPOCHS < FEWEST_EXAMPLE_VISITS:
        return min(MOST_EPOCHS, FEWEST_EXAMPLE_VISITS // examples)
    if examples * TARGET_EPOCHS > MOST_EXAMPLE_VISITS:
        return max(1, MOST_EXAMPLE_VISITS // examples)
    return TARGET_EPOCHS
