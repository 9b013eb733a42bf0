"""Means of graded scores: over samples, over repeats of a prompt, over clusters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.records import Estimate

FloatArray = npt.NDArray[np.float64]
Bounds = tuple[float, float]
"""The lowest and the highest value that one score can take."""

UNBOUNDED: Bounds = (-math.inf, math.inf)
MISS_PROBABILITY = 0.05


def mean_interval(values: npt.ArrayLike, bounds: Bounds | None = None) -> Estimate:
    """The mean of one value per sample with its t interval, clipped to ``bounds``.

    ``values`` has shape (n,). Assumes independent samples and, below n of about 50, roughly
    normal values. One value says nothing about spread: the interval is then the whole
    range (infinite without bounds). Equal values get the interval of `unvaried_interval`.

    Raises:
        ValueError: no values, or a value that is not finite or outside ``bounds``.
    """
    sample = finite(values, bounds)
    if sample.size < 2 or np.ptp(sample) == 0:
        return unvaried_interval(float(sample[0]), sample.size, bounds)
    error = float(sample.std(ddof=1)) / math.sqrt(sample.size)
    return t_interval(float(sample.mean()), error, sample.size - 1, sample.size, bounds)


def repeats_mean_interval(
    groups: Sequence[npt.ArrayLike], bounds: Bounds | None = None
) -> Estimate:
    """The mean over prompts of each prompt's mean over its repeats.

    ``groups`` holds one array of k >= 1 values per prompt; k may differ. The repeats of one
    prompt are not independent samples: treating them so covers 89 % instead of 95 %.
    n counts prompts.

    Raises:
        ValueError: no prompts, or a prompt without values.
    """
    return mean_interval([finite(group, bounds).mean() for group in groups], bounds)


def clustered_mean_interval(
    values: npt.ArrayLike, clusters: Sequence[object], bounds: Bounds | None = None
) -> Estimate:
    """The mean where several samples share a document (a cluster), with a CR1 interval.

    ``values`` and ``clusters`` have length n; the quantile is t(G - 1) for G clusters.
    Assumes independent clusters; too narrow for G < 20, not to be trusted for G < 10.
    Source: cluster-robust standard errors (Miller 2024, arXiv 2411.00640).

    Raises:
        ValueError: lengths differ, no values, or a value that is not finite.
    """
    sample = finite(values, bounds)
    labels = cluster_labels(clusters, sample.size)
    count = int(labels.max()) + 1
    if count < 2 or np.ptp(sample) == 0:
        return unvaried_interval(float(sample.mean()), count, bounds)
    error = math.sqrt(cr1_variance(sample, labels))
    interval = t_interval(float(sample.mean()), error, count - 1, sample.size, bounds)
    return Estimate(interval.value, interval.low, interval.high, interval.n, "t over clusters")


def cr1_variance(sample: FloatArray, labels: npt.NDArray[np.int64]) -> float:
    """The cluster-robust variance of a mean, with the factor G / (G - 1)."""
    totals = np.bincount(labels, weights=sample - sample.mean())
    count = totals.size
    return float(count / (count - 1) * (totals**2).sum() / sample.size**2)


def cluster_labels(clusters: Sequence[object], n: int) -> npt.NDArray[np.int64]:
    """Clusters numbered from 0 in order of appearance."""
    if len(clusters) != n:
        raise ValueError(f"{len(clusters)} clusters for {n} values; give one cluster per value")
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in clusters], dtype=np.int64)


def unit_means(rows: FloatArray, units: Sequence[object]) -> FloatArray:
    """The mean row of each unit, in order of first appearance; (n, ...) -> (units, ...).

    Several rows of one unit (seeds or repeats of a prompt) are no independent samples: only
    their mean enters a test.
    """
    labels = cluster_labels(units, len(rows))
    sums = np.zeros((int(labels.max(initial=-1)) + 1, *rows.shape[1:]))
    np.add.at(sums, labels, rows)
    sizes = np.bincount(labels).reshape(-1, *[1] * (rows.ndim - 1))
    return np.asarray(sums / sizes)


@dataclass(frozen=True, slots=True)
class VarianceParts:
    """How much of a score's variance lies between prompts and how much within them.

    ``within`` is the mean square within prompts, ``between`` the variance of the prompts'
    true means (never below 0).
    """

    between: float
    within: float

    def standard_error(self, prompts: int, repeats: int) -> float:
        """The standard error of the mean to expect from so many prompts and repeats.

        When ``between`` dominates, more prompts help and more repeats do not.
        """
        return math.sqrt((self.between + self.within / repeats) / prompts)


def variance_parts(scores: npt.ArrayLike) -> VarianceParts:
    """Split the variance of scores of shape (prompts, k) by one-way analysis of variance.

    Raises:
        ValueError: fewer than 2 prompts or 2 repeats.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2:
        raise ValueError(f"scores of shape {table.shape}; give at least 2 prompts x 2 repeats")
    repeats = table.shape[1]
    within = float(table.var(axis=1, ddof=1).mean())
    mean_square_between = repeats * float(table.mean(axis=1).var(ddof=1))
    return VarianceParts(max(0.0, (mean_square_between - within) / repeats), within)


def unvaried_interval(value: float, n: int, bounds: Bounds | None) -> Estimate:
    """An interval for n equal values, where a t interval would claim +-0.

    Had a share u of the population another value, n equal ones would come up with
    probability (1 - u)^n; so with 95 % confidence u <= 1 - .05^(1/n), and the mean moves
    at most that share of the way to a bound. Without bounds nothing can be said: infinite.
    """
    low, high = bounds or UNBOUNDED
    other_share = 1 - MISS_PROBABILITY ** (1 / n) if n > 1 else 1.0
    return Estimate(
        value,
        value - other_share * (value - low),
        value + other_share * (high - value),
        n,
        "equal values" if n > 1 else "one value",
    )


def t_interval(
    mean: float, error: float, freedom: int, n: int, bounds: Bounds | None = None
) -> Estimate:
    """Mean +- t(freedom) standard errors, clipped to ``bounds``."""
    half = t_quantile(freedom) * error
    low, high = bounds or UNBOUNDED
    return Estimate(mean, max(low, mean - half), min(high, mean + half), n, "t over samples")


def t_quantile(freedom: float, probability: float = 1 - MISS_PROBABILITY / 2) -> float:
    """The quantile of Student's t; 97.5 % unless told otherwise."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def finite(values: npt.ArrayLike, bounds: Bounds | None = None) -> FloatArray:
    """The values as an array of shape (n,), n >= 1, all finite and within ``bounds``."""
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or sample.size == 0:
        raise ValueError(f"values of shape {sample.shape}; give a list of at least one number")
    if not np.isfinite(sample).all():
        raise ValueError("a value is not finite; leave out samples without a mark first")
    low, high = bounds or UNBOUNDED
    if sample.min() < low or sample.max() > high:
        raise ValueError(
            f"values from {sample.min():g} to {sample.max():g} leave the bounds {low:g}..{high:g}"
        )
    return sample
