"""How many more samples like those seen would settle an open test, by that very test.

In four of five runs of the size given, at the rates seen so far, the test decides. So a level
that makes up for picking the best of several models counts, and so does an exact test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.analysis.stats.clusters import LEAST_CLUSTERS
from harness.analysis.stats.differences import difference_bounds
from harness.analysis.stats.means import Bounds, FloatArray, cluster_labels, cr1_variance, finite
from harness.analysis.stats.noninferiority import exceeds_p, falls_short_p
from harness.analysis.stats.pairs import discordant, is_binary
from harness.analysis.stats.proportions import (
    normal_quantile,
    share_exceeds_p,
    share_falls_short_p,
)
from harness.analysis.stats.resampling import paired_columns
from harness.analysis.stats.sequential import e_values
from harness.analysis.stats.thresholds import Ps, clustered_pair_ps, mean_ps, share_ps

IntArray = npt.NDArray[np.int64]
Decides = Callable[[int], bool]
Tails = Callable[[FloatArray, float, IntArray | None], Ps]

POWER = 0.8
MOST_SAMPLES = 10_000_000
DRAWN_UP_TO = 20_000
"""Larger samples are not made up to be tested; the normal approximation is as good there."""

SLACK = 0.01
GROWTH = 1.2
SAME = 1e-9
EDGE = 1 - 1e-6


@dataclass(frozen=True, slots=True)
class Bar:
    """A threshold, and how small a p value has to be on its good and on its bad side.

    ``upward``: what lies above it passes.
    """

    threshold: float
    pass_level: float
    fail_level: float
    upward: bool = True

    def level(self, *, above: bool) -> float:
        """What p has to reach on this side."""
        return self.pass_level if above is self.upward else self.fail_level

    def least_clusters(self, *, above: bool) -> int:
        """Nothing passes by fewer clusters."""
        return LEAST_CLUSTERS if above is self.upward else 2


def pairs_to_decide(
    tuned_scores: npt.ArrayLike,
    base_scores: npt.ArrayLike,
    bar: Bar,
    clusters: Sequence[object] | None = None,
) -> int | None:
    """How many more samples settle a `difference_test`; None where no practicable number does.

    Raises:
        ValueError: lengths differ, no scores, or one that is not finite.
    """
    pairs = paired_columns(tuned_scores, base_scores)
    differences = pairs[:, 0] - pairs[:, 1]
    labels = None if clusters is None else cluster_labels(clusters, differences.size)
    binary = is_binary(pairs[:, 0], pairs[:, 1])
    if binary and labels is None:
        return _right_or_wrong_pairs(*discordant(pairs[:, 0], pairs[:, 1]), differences, bar)
    bounds = difference_bounds(pairs)

    def tails(sample: FloatArray, threshold: float, groups: IntArray | None) -> Ps:
        if binary and groups is not None:
            return clustered_pair_ps(sample, min(EDGE, max(-EDGE, threshold)), groups)
        return mean_ps(sample, threshold, groups, bounds)

    return _by_larger_samples(differences, bar, labels, tails)


def scores_to_decide(
    values: npt.ArrayLike,
    bar: Bar,
    clusters: Sequence[object] | None = None,
    bounds: Bounds | None = None,
) -> int | None:
    """How many more samples settle a `score_test`; None where no practicable number does.

    Raises:
        ValueError: no values, or one that is not finite or outside ``bounds``.
    """
    sample = finite(values, bounds)
    labels = None if clusters is None else cluster_labels(clusters, sample.size)
    binary = bool(np.isin(sample, (0.0, 1.0)).all()) and 0 <= bar.threshold <= 1
    if binary and labels is None:
        return _rights(sample, bar)

    def tails(sample: FloatArray, threshold: float, groups: IntArray | None) -> Ps:
        if binary:
            return share_ps(sample, min(1.0, max(0.0, threshold)), groups)
        return mean_ps(sample, threshold, groups, bounds)

    return _by_larger_samples(sample, bar, labels, tails)


def looks_to_decide(values: npt.ArrayLike, bar: Bar) -> int | None:
    """How many more samples in the order of asking settle what is judged after each of them.

    Raises:
        ValueError: no values, or one outside [-1, 1].
    """

    def tails(sample: FloatArray, threshold: float, groups: IntArray | None) -> Ps:
        at = min(EDGE, max(-EDGE, threshold))
        above, below = e_values(sample, at).max(), e_values(-sample, -at).max()
        return min(1.0, float(1 / above)), min(1.0, float(1 / below))

    return _by_larger_samples(finite(values, (-1.0, 1.0)), bar, None, tails)


# --- right or wrong: exact -----------------------------------------------------------


def _rights(sample: FloatArray, bar: Bar) -> int | None:
    rate, level = float(sample.mean()), bar.level(above=bool(sample.mean() > bar.threshold))

    def decides(size: int) -> bool:
        if rate > bar.threshold:
            fewest = _binomial_quantile(1 - POWER, size, rate)
            return share_exceeds_p(fewest, size, bar.threshold) <= level
        most = _binomial_quantile(POWER, size, rate)
        return share_falls_short_p(most, size, bar.threshold) <= level

    return _further(decides, sample, bar, float(sample.var()), slack=0.0)


def _binomial_quantile(probability: float, n: int, rate: float) -> int:
    """The smallest count that at least this share of samples does not exceed."""
    from scipy.special import bdtr, bdtrik

    if rate in (0.0, 1.0):
        return round(rate * n)
    about = float(bdtrik(probability, n, rate))
    count = math.ceil(about) if math.isfinite(about) else 0
    while count > 0 and bdtr(count - 1, n, rate) >= probability:
        count -= 1
    return count


def _right_or_wrong_pairs(b: int, c: int, differences: FloatArray, bar: Bar) -> int | None:
    n, mean = differences.size, float(differences.mean())
    above = mean > bar.threshold
    level, variance = bar.level(above=above), float(differences.var())

    def decides(size: int) -> bool:
        wins, losses = _less_clear(b / n, c / n, size, above=above)
        test = exceeds_p if above else falls_short_p
        return test(wins, losses, size, bar.threshold) <= level

    return _further(decides, differences, bar, variance, slack=SLACK)


def _less_clear(only_tuned: float, only_base: float, size: int, *, above: bool) -> tuple[int, int]:
    """The discordant samples of a run of which four of five are as clear or clearer.

    The difference at its 20 % quantile, and the counts to be expected with it.
    """
    mean = only_tuned - only_base
    spread = math.sqrt(max(0.0, only_tuned + only_base - mean * mean))
    if spread == 0:
        return round(only_tuned * size), round(only_base * size)
    step = (-1 if above else 1) * normal_quantile(POWER) * math.sqrt(size) / spread
    wins = size * only_tuned + step * only_tuned * (1 - mean)
    losses = size * only_base - step * only_base * (1 + mean)
    wins, losses = max(0.0, wins), max(0.0, losses)
    whole = (
        (math.floor(wins), math.ceil(losses)) if above else (math.ceil(wins), math.floor(losses))
    )
    return whole if sum(whole) <= size else (round(wins), size - round(wins))


# --- everything else: larger samples like this one -----------------------------------


def _by_larger_samples(
    sample: FloatArray, bar: Bar, labels: IntArray | None, tails: Tails
) -> int | None:
    """Repeat the sample to the size and test it, the threshold nearer by what chance may take."""
    above = bool(sample.mean() > bar.threshold)
    level, least = bar.level(above=above), bar.least_clusters(above=above)
    variance = float(sample.var()) if labels is None else cr1_variance_of_one(sample, labels)

    def decides(size: int) -> bool:
        if size > DRAWN_UP_TO:
            return size >= _normal_size(sample, bar, variance)
        values, groups = _repeated(sample, labels, size)
        if groups is not None and int(groups.max()) + 1 < least:
            return False
        error = math.sqrt(variance / size)
        chance = normal_quantile(POWER) * error * (1 if above else -1)
        threshold = bar.threshold + float(values.mean() - sample.mean()) + chance
        return tails(values, threshold, groups)[0 if above else 1] <= level

    return _further(decides, sample, bar, variance, slack=SLACK)


def cr1_variance_of_one(sample: FloatArray, labels: IntArray) -> float:
    """The variance of one sample's value that clusters make of it; infinite for one cluster."""
    if labels.max() < 1:
        return math.inf
    return cr1_variance(sample, labels) * sample.size


def _repeated(
    sample: FloatArray, labels: IntArray | None, size: int
) -> tuple[FloatArray, IntArray | None]:
    """The sample over and over up to a size, by whole clusters where it comes in clusters."""
    if labels is None:
        return np.resize(sample, size), None
    order = np.argsort(labels, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(labels))[:-1])
    count = math.ceil(len(members) * size / sample.size)
    picked = [members[i % len(members)] for i in range(count)]
    groups = np.repeat(np.arange(count), [len(one) for one in picked])
    return sample[np.concatenate(picked)], groups


# --- the search ----------------------------------------------------------------------


def _further(
    decides: Decides, sample: FloatArray, bar: Bar, variance: float, *, slack: float
) -> int | None:
    """The fewest more that decide, within ``slack``; None on the threshold itself."""
    if abs(float(sample.mean()) - bar.threshold) < SAME or not math.isfinite(variance):
        return None
    low = sample.size
    high = max(low + 1, math.ceil(_normal_size(sample, bar, variance)))
    while high - low <= MOST_SAMPLES and not decides(high):
        low, high = high, math.ceil(high * GROWTH)
    if high - sample.size > MOST_SAMPLES:
        return None
    while high - low > 1 + slack * high:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high - sample.size


def _normal_size(sample: FloatArray, bar: Bar, variance: float) -> float:
    """The size by the usual normal approximation: where to begin to look."""
    distance = float(sample.mean()) - bar.threshold
    z = normal_quantile(1 - bar.level(above=distance > 0)) + normal_quantile(POWER)
    return min(z * z * variance / (distance * distance), 2.0 * MOST_SAMPLES)
