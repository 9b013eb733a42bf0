"""What would have been best: the utility of every epoch count on a large disjoint test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    taken. No policy gets there; they say whether *more* is right where training ends.

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
    def summit(self) -> int:
        """The epoch count of the highest utility of all; of equal ones the first."""
        return max(self.by_epoch, key=lambda epoch: (self.by_epoch[epoch], -epoch))

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
        """The epoch counts that are within one standard error of the highest utility of all."""
        least = self.by_epoch[self.summit] - error_of(self.worth[:, self._column(self.summit)])
        return frozenset(epoch for epoch, utility in self.by_epoch.items() if utility >= least)

    def direction(self, epochs: int) -> int:
        """Where the good epoch counts lie: +1 above, -1 below, 0 here."""
        if epochs in self.good:
            return 0
        if epochs < min(self.good):
            return 1
        return -1 if epochs > max(self.good) else int(np.sign(self.summit - epochs))

    @property
    def within_reach(self) -> Truth:
        """The same, as if nobody knew what comes after the last epoch count."""
        return Truth(self.worth[:, : self.last + 1])

    def regret(self, epochs: int) -> float:
        """How much utility is given away with this epoch count."""
        return float(self.utilities[self.best] - self.utilities[epochs])

    def is_harmful(self, before: int, after: int) -> bool:
        """Does a move lose more utility than one standard error?"""
        lost = float(self.utilities[before] - self.utilities[after])
        return lost > 0 and lost > self.standard_error(before, after)


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
