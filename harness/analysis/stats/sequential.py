"""Looking at the results before all samples are in, without more false alarms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from harness.analysis.stats.means import FloatArray, finite
from harness.analysis.stats.noninferiority import upper_tail
from harness.analysis.stats.proportions import normal_quantile

BETS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of the capital that the e-process stakes on each sample; it averages over them."""

GRID_STEP = 0.02
FURTHEST_Z = 9.0


def look_boundaries(looks: int, alpha: float = 0.05) -> tuple[float, ...]:
    """The z to reach at each of so many equally spaced looks, one-sided level ``alpha``.

    O'Brien-Fleming boundaries by the spending function of Lan and DeMets: hardly anything can
    be decided early, and the last look asks for little more than a single test. Stopping at
    the first z at or above its boundary keeps the chance of a false claim at ``alpha``.
    Assumes a statistic that is normal and gains information evenly; samples in random order.
    Source: Lan, DeMets 1983.

    Raises:
        ValueError: fewer than one look, or alpha outside (0, .5).
    """
    if looks < 1:
        raise ValueError(f"{looks} looks; give at least 1")
    return boundaries_at(tuple((k + 1) / looks for k in range(looks)), alpha)


def look_levels(looks: int, alpha: float = 0.05) -> tuple[float, ...]:
    """The same as one-sided p values: a look decides when its p is at or below its level."""
    return tuple(upper_tail(z) for z in look_boundaries(looks, alpha))


@lru_cache(maxsize=64)
def boundaries_at(shares: tuple[float, ...], alpha: float = 0.05) -> tuple[float, ...]:
    """`look_boundaries` at other moments: rising shares of all samples, the last one 1.

    Raises:
        ValueError: shares that do not rise to 1, or alpha outside (0, .5).
    """
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha is {alpha}; give a level above 0 and below 0.5")
    if not shares or shares[-1] != 1 or shares[0] <= 0 or (np.diff(shares) <= 0).any():
        raise ValueError(f"looks at {shares}: shares of the samples must rise to 1")
    found: list[float] = []
    walk, spent, before = Walk.start(), 0.0, 0.0
    for share in shares:
        walk = walk.step(share - before)
        total = spent_by(share, alpha)
        limit = walk.exceeded_with(total - spent)
        found.append(limit / math.sqrt(share))
        walk, spent, before = walk.below(limit), total, share
    return tuple(found)


def spent_by(share: float, alpha: float) -> float:
    """How much of ``alpha`` may be used up when this share of the samples is in."""
    return 2 * upper_tail(normal_quantile(1 - alpha / 2) / math.sqrt(share))


class Walk:
    """Where a random walk of independent normal steps is, having crossed no boundary yet."""

    def __init__(self, places: FloatArray, density: FloatArray) -> None:
        self.places, self.density = places, density

    @classmethod
    def start(cls) -> Walk:
        """At 0, before the first sample."""
        return cls(np.zeros(1), np.ones(1))

    def step(self, variance: float) -> Walk:
        """After a further share of the samples. (At the start the density is one point mass.)"""
        reach = FURTHEST_Z * math.sqrt(variance)
        step = GRID_STEP * math.sqrt(variance)
        places = np.arange(self.places[0] - reach, self.places[-1] + reach + step, step)
        gaps = (places[:, None] - self.places[None, :]) / math.sqrt(variance)
        kernel = np.exp(-gaps * gaps / 2) / math.sqrt(2 * math.pi * variance)
        return Walk(places, kernel @ (self.density * widths(self.places)))

    def exceeded_with(self, chance: float) -> float:
        """The place above which the walk is with this probability."""
        mass = self.density * widths(self.places)
        above = np.cumsum(mass[::-1])[::-1] - mass / 2
        return float(np.interp(math.log(chance), np.log(above[::-1] + 1e-300), self.places[::-1]))

    def below(self, limit: float) -> Walk:
        """What goes on: the walks that are below the limit."""
        kept = self.places < limit
        places = np.append(self.places[kept], limit)
        return Walk(places, np.interp(places, self.places, self.density))


def widths(places: FloatArray) -> FloatArray:
    """The weights of the trapezium rule; 1 for a single place, which stands for all."""
    if places.size == 1:
        return np.ones(1)
    gaps = np.diff(places)
    return np.asarray((np.append(gaps, 0) + np.append(0, gaps)) / 2)


def e_values(differences: npt.ArrayLike, threshold: float) -> FloatArray:
    """Evidence that the true mean difference lies above ``threshold``, after each sample.

    ``differences`` in [-1, 1] has shape (n,): one a prompt, in random order (the mean where a
    prompt has repeats). Each value is a mixture of bets against "at most ``threshold``": if that
    is true, the chance that it *ever* reaches 1 / alpha is at most alpha, so one may look after
    every sample and stop at 1 / alpha (20 for 5 %). Exact at every n, for any distribution.
    The opposite claim is ``e_values(-differences, -threshold)``.
    Source: Waudby-Smith, Ramdas 2024 (betting), Ville's inequality.

    Raises:
        ValueError: a difference outside [-1, 1], or a threshold outside (-1, 1).
    """
    if not -1 < threshold < 1:
        raise ValueError(f"threshold {threshold} is no difference of two shares")
    sample = finite(differences, (-1.0, 1.0))
    # A stake above 1 / (1 + threshold) could lose more than everything.
    bets = np.array(BETS) / (1 + max(threshold, 0.0))
    logs = np.log1p(bets[:, None] * (sample[None, :] - threshold)).cumsum(axis=1)
    return np.asarray(np.exp(np.minimum(logs, 700)).mean(axis=0))


def e_value(b: int, c: int, n: int, threshold: float) -> float:
    """`e_values` after all n samples of right-or-wrong answers; their order does not matter."""
    differences = np.repeat([1.0, -1.0, 0.0], [b, c, n - b - c])
    return float(e_values(differences, threshold)[-1])


def first_at_least(values: Sequence[float] | FloatArray, bar: float) -> int | None:
    """How many samples it took until a running value reached a bar; None where it never did."""
    reached = np.flatnonzero(np.asarray(values) >= bar)
    return int(reached[0]) + 1 if reached.size else None
