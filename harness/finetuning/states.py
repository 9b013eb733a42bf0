"""The states of a run along its curve: one shape of checkpoint, whatever logged the training.

The training numbers of a checkpoint are means over the steps since the one before it, the
validation numbers those measured at its own step. Sources that know the same steps therefore
give the same checkpoints.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from harness.finetuning.curves import METRICS, Curve, TrainingStep, whole_if_near
from harness.records import Checkpoint

UNNAMED = "step-"
"""What a state is called, with its step, when nobody says its name."""


@dataclass(frozen=True, slots=True)
class Naming:
    """What is known of the states of a run besides their numbers.

    ``epoch_at`` gives the epochs trained at a step; ``names`` the models by step, others are
    called ``prefix`` and the step.
    """

    epoch_at: Callable[[int], float]
    prefix: str = UNNAMED
    names: Mapping[int, str] | None = None
    seed: int | None = None

    def name(self, step: int) -> str:
        """The model of a step."""
        return (self.names or {}).get(step, f"{self.prefix}{step}")


def states_at(curve: Curve, ends: Iterable[int], naming: Naming) -> tuple[Checkpoint, ...]:
    """Return the states at some steps of a run, in order."""
    return tuple(
        state_at(curve, after, end, naming) for after, end in pairwise([0, *sorted(set(ends))])
    )


def state_at(curve: Curve, after: int, end: int, naming: Naming) -> Checkpoint:
    """Return the state at the step ``end``, with the training since the step ``after``."""
    first, past = (bisect_right(curve, at, key=lambda step: step.step) for at in (after, end))
    stretch = curve[first:past]
    here = next((step for step in stretch if step.step == end), TrainingStep(end))
    return Checkpoint(
        model=naming.name(end),
        epoch=whole_if_near(naming.epoch_at(end)),
        step=end,
        seed=naming.seed,
        train_loss=mean_of(step.train_loss for step in stretch),
        valid_loss=here.valid_loss,
        train_token_accuracy=mean_of(step.train_token_accuracy for step in stretch),
        valid_token_accuracy=here.valid_token_accuracy,
    )


def mean_of(values: Iterable[float | None]) -> float | None:
    """Return the mean of what was measured; None where nothing was."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def validated_steps(curve: Curve) -> list[int]:
    """Return the steps at which the validation set was measured."""
    return [step.step for step in curve if step.valid_loss is not None]


def epoch_ends(curve: Curve, steps_per_epoch: float, epochs: int) -> list[int]:
    """Return the steps at which a run ends its epochs, as far as it has come.

    Where the validation set was measured once an epoch, these are the steps.
    """
    last = curve[-1].step if curve else 0
    counted = [round(steps_per_epoch * k) for k in range(1, epochs + 1)]
    counted = [end for end in counted if end <= last]
    measured = validated_steps(curve)
    return measured if len(measured) == len(counted) else counted


def evenly_spaced(steps: Sequence[int]) -> bool:
    """Whether steps lie at equal distances from 0 on, give or take one."""
    return bool(steps) and all(
        math.isclose(step, steps[-1] * k / len(steps), abs_tol=1.0)
        for k, step in enumerate(steps, start=1)
    )


def merged(steps: Iterable[TrainingStep]) -> Curve:
    """Return one entry a step, from several that each know a part of it."""
    found: dict[int, dict[str, float]] = {}
    for step in steps:
        known = {name: value for name in METRICS if (value := getattr(step, name)) is not None}
        found.setdefault(step.step, {}).update(known)
    return tuple(TrainingStep(number, **found[number]) for number in sorted(found))
