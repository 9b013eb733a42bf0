"""What would have been best: the utility of every epoch count on a large disjoint test set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np

from benchmarks.advice.tuning import Run
from harness.analysis.thresholds import DEFAULT
from harness.embedded.layers import Array

EXPECTED = DEFAULT.less_diverse
"""Answers to open tasks are varied enough from this share of the references' diversity on."""


@dataclass(frozen=True)
class Truth:
    """Utilities of the epochs 0 (base), 1, ... of one task; ``worth`` is (seeds, epochs, samples).

    Its last columns are those of ``later``: epoch counts beyond the last one from which advice is
    taken. No policy gets there; they say whether *more* is right where the others end.

    The utility of a one-answer task is its score. That of an open task is its quality, times the
    share of the expected diversity that is left where this is below 1: a soft form of "quality
    subject to a ratio of at least .9", because the ratio is an estimate too.
    """

    worth: Array
    later: tuple[int, ...] = ()

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Truth:
        """What the runs of one task reached."""
        return cls(np.array([worth(run) for run in runs]), runs[0].later)

    @cached_property
    def utilities(self) -> Array:
        """By epoch up to the last, the mean over seeds and samples."""
        return np.asarray(self.worth[:, : self.last + 1].mean(axis=(0, 2)))

    @property
    def last(self) -> int:
        """The most epochs that a policy can reach."""
        return self.worth.shape[1] - 1 - len(self.later)

    @cached_property
    def by_epoch(self) -> Mapping[int, float]:
        """Utilities of every epoch count that was asked, the later ones too."""
        means = self.worth[:, 1:].mean(axis=(0, 2))
        return dict(zip((*range(1, self.last + 1), *self.later), map(float, means), strict=True))

    @property
    def best(self) -> int:
        """The epoch count of the highest utility within reach; of equal ones the first."""
        return 1 + int(self.utilities[1:].argmax())

    def standard_error(self, one: int, other: int) -> float:
        """Of the difference of two epochs' utilities."""
        return error_of(self.worth[:, self._column(one)] - self.worth[:, self._column(other)])

    def _column(self, epochs: int) -> int:
        return epochs if epochs <= self.last else self.last + 1 + self.later.index(epochs)

    @cached_property
    def good(self) -> frozenset[int]:
        """The epoch counts within reach, within one standard error of the best one's utility."""
        return self._good(range(1, self.last + 1))

    def _good(self, epochs: Iterable[int]) -> frozenset[int]:
        asked = list(epochs)
        best = max(asked, key=self.by_epoch.__getitem__)
        least = self.by_epoch[best] - error_of(self.worth[:, self._column(best)])
        return frozenset(epoch for epoch in asked if self.by_epoch[epoch] >= least)

    def direction(self, epochs: int) -> int:
        """Where the good epoch counts within reach lie: +1 above, -1 below, 0 here."""
        return towards(self.good, epochs, self.best)

    @property
    def is_rising(self) -> bool:
        """Is the last epoch count within reach the best one?"""
        return self.best == self.last

    @property
    def more_helps(self) -> bool:
        """Does a later epoch count win more over the last one than one standard error, paired?"""
        best = max(self.later, key=self.by_epoch.__getitem__, default=self.last)
        won = self.by_epoch[best] - self.by_epoch[self.last]
        return won > self.standard_error(best, self.last)

    def direction_ahead(self, epochs: int) -> int:
        """The same, with the later epoch counts among those that may be good."""
        best = max(self.by_epoch, key=self.by_epoch.__getitem__)
        return towards(self._good(self.by_epoch), epochs, best)

    def regret(self, epochs: int) -> float:
        """How much utility is given away with this epoch count."""
        return float(self.utilities[self.best] - self.utilities[epochs])

    def is_harmful(self, before: int, after: int) -> bool:
        """Does a move lose more utility than one standard error?"""
        lost = float(self.utilities[before] - self.utilities[after])
        return lost > 0 and lost > self.standard_error(before, after)


def towards(good: frozenset[int], epochs: int, best: int) -> int:
    """Where good epoch counts lie; the best one decides where some lie on either side."""
    if epochs in good:
        return 0
    if epochs < min(good):
        return 1
    return -1 if epochs > max(good) else (best > epochs) - (best < epochs)


def error_of(values: Array) -> float:
    """The standard error of the mean of (seeds, samples), over samples and, of several, seeds."""
    seeds, samples = values.shape
    by_sample = values.mean(0).var(ddof=1) / samples
    by_seed = values.mean(1).var(ddof=1) / seeds if seeds > 1 else 0.0
    return sqrt(by_sample + by_seed)


def worth(run: Run) -> Array:
    """What each test sample's answers are worth, (epochs, samples)."""
    left = [1.0 if ratio is None else min(1.0, ratio / EXPECTED) for ratio in run.variety]
    return np.asarray(np.array(run.test) * np.array(left)[:, None])
