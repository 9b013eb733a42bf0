"""What twice the training data would bring, from models that were tuned on parts of them.

The score of the whole training set minus the mean score of its halves is what the last doubling
brought. The next one brings about as much where gains are equal for each doubling (log-linear:
the upper end), or less where errors shrink by the same factor (a power law: the lower end).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.analysis.stats import clustered_mean_interval, mean_interval
from harness.analysis.stats.means import Bounds, FloatArray, t_quantile
from harness.records import Estimate

DIFFERENCE: Bounds = (-1.0, 1.0)
SECOND_DIFFERENCE: Bounds = (-2.0, 2.0)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a variance: the variance of a mean, and the degrees of freedom behind it."""

    variance: float
    freedom: float


def data_difference(
    whole: npt.ArrayLike, halves: npt.ArrayLike, clusters: Sequence[object] | None = None
) -> Estimate:
    """g = S(N) - mean S(N/2): what the last doubling of the data brought.

    ``whole`` has shape (seeds, n), ``halves`` (r, n): one row a model, one fraction a sample, the
    same samples everywhere. SE^2 = sd(d)^2 / n + s2_half / r + s2_seed / seeds, where d is the
    difference of a sample and s2 the variance of the models' means; the last part is left out
    where there is one seed, and the method says so. The quantile is Student's t with the degrees
    of freedom of Welch and Satterthwaite. Assumes that halves are drawn at random.

    Raises:
        ValueError: fewer than two halves, or shapes that differ.
    """
    ours, theirs = table(whole), table(halves)
    if len(theirs) < 2:
        raise ValueError("one half: how much halves differ is not known; tune at least two")
    differences = ours.mean(axis=0) - theirs.mean(axis=0)
    parts = [sampling_part(differences, clusters, DIFFERENCE), *runs_part(theirs), *runs_part(ours)]
    return interval(differences, parts, DIFFERENCE, method(ours))


def growth(
    whole: npt.ArrayLike,
    halves: npt.ArrayLike,
    quarters: npt.ArrayLike,
    clusters: Sequence[object] | None = None,
) -> Estimate:
    """(S(N) - S(N/2)) - (S(N/2) - S(N/4)): how much more the last doubling brought.

    Shapes and assumptions as in `data_difference`. A power law or a log-linear course never has
    it above 0; where it clearly is, the data are still too few for either.

    Raises:
        ValueError: fewer than two halves or quarters, or shapes that differ.
    """
    ours, half, quarter = table(whole), table(halves), table(quarters)
    if min(len(half), len(quarter)) < 2:
        raise ValueError("tune at least two halves and two quarters")
    differences = ours.mean(axis=0) - 2 * half.mean(axis=0) + quarter.mean(axis=0)
    parts = [
        sampling_part(differences, clusters, SECOND_DIFFERENCE),
        *runs_part(half, factor=4.0),
        *runs_part(quarter),
        *runs_part(ours),
    ]
    return interval(differences, parts, SECOND_DIFFERENCE, method(ours))


# --- the next doubling ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NextDoubling:
    """What another doubling brings by either law, and the union of both."""

    log_linear: Estimate
    power_law: Estimate
    union: Estimate


def next_doubling(last: Estimate, half_score: float, whole: Estimate) -> NextDoubling:
    """Extrapolate the last doubling to the next.

    Log-linear: the same gain again. Power law: e(2N) = e(N)^2 / e(N/2) with e = 1 - score, which
    is a gain of g (1 - g / e(N/2)). No gain is larger than the errors that the ``whole`` leaves,
    bound by bound. The error of the halves is taken as known: the intervals are those of g.
    """
    left = 1.0 - half_score
    gains = [power_gain(last.low, left), power_gain(last.high, left)]
    if last.low < left / 2 < last.high:
        gains.append(power_gain(left / 2, left))  # where the power law's gain is largest
    value = power_gain(last.value, left)
    log_linear = within_errors(last, whole, "log-linear")
    power = Estimate(value, min(gains), max(gains), last.n, last.method)
    power_law = within_errors(power, whole, "power law")
    union = Estimate(
        (log_linear.value + power_law.value) / 2,
        min(log_linear.low, power_law.low),
        max(log_linear.high, power_law.high),
        last.n,
        "union of log-linear and power law" + last.method.removeprefix(METHOD),
    )
    return NextDoubling(log_linear, power_law, union)


def within_errors(gain: Estimate, whole: Estimate, method: str) -> Estimate:
    """A gain that corrects no more than is wrong."""
    return Estimate(
        min(gain.value, 1.0 - whole.value),
        min(gain.low, 1.0 - whole.high),
        min(gain.high, 1.0 - whole.low),
        gain.n,
        method,
    )


def power_gain(gain: float, error_of_half: float) -> float:
    """The next gain where each doubling shrinks the error by the same factor."""
    if error_of_half <= 0:
        return gain
    return max(gain * (1 - gain / error_of_half), gain - error_of_half)


# --- parts of the variance -----------------------------------------------------------

METHOD = "t over samples and runs"
WITHOUT_SEEDS = "; seed variance not included"


def method(whole: FloatArray) -> str:
    """What an interval covers."""
    return METHOD if len(whole) > 1 else METHOD + WITHOUT_SEEDS


def sampling_part(
    differences: FloatArray, clusters: Sequence[object] | None, bounds: Bounds
) -> Part:
    """The variance of a mean over samples, or over the documents that they share."""
    if clusters is None:
        found, freedom = mean_interval(differences, bounds), max(1, differences.size - 1)
    else:
        found = clustered_mean_interval(differences, clusters, bounds)
        freedom = max(1, len(set(clusters)) - 1)
    half = max(found.high - found.value, found.value - found.low)
    return Part((half / t_quantile(freedom)) ** 2, freedom)


def runs_part(scores: FloatArray, factor: float = 1.0) -> list[Part]:
    """The variance of the mean of several models; nothing where there is one."""
    count = len(scores)
    if count < 2:
        return []
    return [Part(factor * float(scores.mean(axis=1).var(ddof=1)) / count, count - 1)]


def interval(
    differences: FloatArray, parts: Sequence[Part], bounds: Bounds, method: str
) -> Estimate:
    """The mean with the interval of all parts together."""
    variance = sum(part.variance for part in parts)
    weights = sum(part.variance**2 / part.freedom for part in parts)
    freedom = variance**2 / weights if weights else 1.0
    half = t_quantile(freedom) * math.sqrt(variance)
    value = float(differences.mean())
    return Estimate(
        value,
        max(bounds[0], value - half),
        min(bounds[1], value + half),
        differences.size,
        method,
    )


def table(scores: npt.ArrayLike) -> FloatArray:
    """Scores as an array of shape (runs, n)."""
    found = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    if found.ndim != 2 or not found.size or not np.isfinite(found).all():
        raise ValueError(f"scores of shape {found.shape}; give one finite row a model")
    return found
