"""Does a score or a difference lie above a threshold, below it, or can nobody tell?

The tests behind PASS, FAIL and INCONCLUSIVE, for every kind of score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.analysis.stats.bounded import ENOUGH_FOR_T, bounded_exceeds_p
from harness.analysis.stats.clusters import (
    LEAST_CLUSTERS,
    cluster_caution,
    clustered_share_interval,
    effective_samples,
)
from harness.analysis.stats.differences import difference_bounds, paired_difference
from harness.analysis.stats.means import (
    UNBOUNDED,
    Bounds,
    FloatArray,
    cluster_labels,
    clustered_mean_interval,
    finite,
    mean_interval,
    t_quantile,
)
from harness.analysis.stats.noninferiority import exceeds_p, falls_short_p
from harness.analysis.stats.pairs import discordant, is_binary, tango_z
from harness.analysis.stats.proportions import (
    Z_95,
    share_exceeds_p,
    share_falls_short_p,
    wilson_interval,
)
from harness.analysis.stats.resampling import paired_columns
from harness.records import Estimate

Side = Literal["above", "below", "unclear"]
Ps = tuple[float, float]
"""The p values of "not above the threshold" and of "not below it"."""

FEW_GRADED = 50


@dataclass(frozen=True, slots=True)
class ThresholdTest:
    """A quantity against a threshold: its interval, and the p value of either side.

    ``p_above`` is small where it is shown to lie above the threshold, ``p_below`` where it is
    shown to lie below. ``clusters`` is their number, None where samples are independent.
    """

    estimate: Estimate
    threshold: float
    p_above: float
    p_below: float
    clusters: int | None = None
    caution: str = ""

    def side(self, alpha: float = 0.05) -> Side:
        """On which side it is shown to lie at this one-sided level.

        "above" needs at least 10 clusters, where samples come in clusters.
        """
        if self.p_above <= alpha and (self.clusters is None or self.clusters >= LEAST_CLUSTERS):
            return "above"
        return "below" if self.p_below <= alpha else "unclear"


def difference_test(
    tuned_scores: npt.ArrayLike,
    base_scores: npt.ArrayLike,
    threshold: float,
    clusters: Sequence[object] | None = None,
) -> ThresholdTest:
    """Tuned minus base on the same samples against a threshold.

    ``threshold`` is -margin for "not worse", 0 for "better", +g for "better by g". Right or
    wrong answers get the exact unconditional test; in clusters Tango's statistic on effective
    counts with t(G - 1); graded scores in 0..1 the test of `bounded_exceeds_p`; other graded
    scores a one-sided t test, over clusters CR1.

    Raises:
        ValueError: lengths differ, no scores, one that is not finite, or, for scores of right
            and wrong, a threshold outside (-1, 1).
    """
    pairs = paired_columns(tuned_scores, base_scores)
    differences = pairs[:, 0] - pairs[:, 1]
    estimate, _ = paired_difference(pairs[:, 0], pairs[:, 1], clusters)
    labels = None if clusters is None else cluster_labels(clusters, differences.size)
    if not is_binary(pairs[:, 0], pairs[:, 1]):
        ps = mean_ps(differences, threshold, labels, difference_bounds(pairs))
        return _tested(estimate, threshold, ps, labels, graded=True)
    b, c = discordant(pairs[:, 0], pairs[:, 1])
    n = differences.size
    if labels is not None:
        ps = clustered_pair_ps(differences, threshold, labels)
    else:
        ps = exceeds_p(b, c, n, threshold), falls_short_p(b, c, n, threshold)
    return _tested(estimate, threshold, ps, labels)


def score_test(
    values: npt.ArrayLike,
    bar: float,
    clusters: Sequence[object] | None = None,
    bounds: Bounds | None = None,
) -> ThresholdTest:
    """One model's mean score (or a share of anything) against a bar: a floor or a ceiling.

    0/1 values get the exact binomial test, whose bound is Clopper-Pearson's; other values that
    of `bounded_exceeds_p` where ``bounds`` of one value are known, else a one-sided t test.

    Raises:
        ValueError: no values, or one that is not finite or outside ``bounds``.
    """
    sample = finite(values, bounds)
    labels = None if clusters is None else cluster_labels(clusters, sample.size)
    binary = bool(np.isin(sample, (0.0, 1.0)).all()) and 0 <= bar <= 1
    if not binary:
        estimate = (
            mean_interval(sample, bounds)
            if clusters is None
            else clustered_mean_interval(sample, clusters, bounds)
        )
        return _tested(estimate, bar, mean_ps(sample, bar, labels, bounds), labels, graded=True)
    if clusters is None:
        estimate = wilson_interval(int(sample.sum()), sample.size)
    else:
        estimate = clustered_share_interval(sample, clusters)
    return _tested(estimate, bar, share_ps(sample, bar, labels), labels)


def _tested(
    estimate: Estimate,
    threshold: float,
    ps: Ps,
    labels: npt.NDArray[np.int64] | None,
    *,
    graded: bool = False,
) -> ThresholdTest:
    count = None if labels is None else int(labels.max()) + 1
    caution = cluster_caution(count)
    if not caution and graded and estimate.n < FEW_GRADED:
        caution = f"only {estimate.n} graded samples: rare large differences may be unseen"
    return ThresholdTest(estimate, threshold, *ps, count, caution)


def share_ps(sample: FloatArray, bar: float, labels: npt.NDArray[np.int64] | None) -> Ps:
    """Exact binomial p values; in clusters of the effective counts, as Korn and Graubard do."""
    n = float(sample.size)
    if labels is not None:
        count = int(labels.max()) + 1
        if count < 2:
            return 1.0, 1.0
        n = effective_samples(sample, labels) * (Z_95 / t_quantile(count - 1)) ** 2
    right = float(sample.mean()) * n if labels is not None else float(sample.sum())
    return share_exceeds_p(right, n, bar), share_falls_short_p(right, n, bar)


def clustered_pair_ps(
    differences: FloatArray, threshold: float, labels: npt.NDArray[np.int64]
) -> Ps:
    """Tango's statistic on counts over the design effect, with t(G - 1)."""
    if labels.max() < 1:
        return 1.0, 1.0
    n = effective_samples(differences, labels)
    share_b, share_c = float((differences > 0).mean()), float((differences < 0).mean())
    z = float(tango_z(share_b * n, share_c * n, n, threshold))
    return skewed_tails(z, cluster_totals(differences, labels))


def mean_ps(
    sample: FloatArray,
    threshold: float,
    labels: npt.NDArray[np.int64] | None,
    bounds: Bounds | None,
) -> Ps:
    """One-sided tests of a mean.

    Of independent values with a known bound the test that holds at every n; else t, over
    clusters with CR1 and t(G - 1).
    """
    count = sample.size if labels is None else int(labels.max()) + 1
    if count < 2 or np.ptp(sample) == 0:
        return unvaried_ps(float(sample.mean()), threshold, count, bounds)
    totals = sample - sample.mean() if labels is None else cluster_totals(sample, labels)
    error = math.sqrt(count / (count - 1) * float((totals**2).sum())) / sample.size
    if error == 0:  # clusters whose totals cancel
        return unvaried_ps(float(sample.mean()), threshold, count, bounds)
    ps = skewed_tails((float(sample.mean()) - threshold) / error, totals)
    if labels is not None or bounds is None or sample.size >= ENOUGH_FOR_T:
        return ps
    return bounded_ps(sample, threshold, bounds, ps)


def cluster_totals(sample: FloatArray, labels: npt.NDArray[np.int64]) -> FloatArray:
    """How far each cluster's sum lies from what the mean would make it."""
    totals = np.bincount(labels, weights=sample - sample.mean())
    return np.asarray(totals, dtype=np.float64)


def skewed_tails(statistic: float, deviations: FloatArray) -> Ps:
    """The tails of t(G - 1), or of t corrected for the skewness of the G units, whichever is more.

    A few documents that lose much make a plain t test pass too often (.07 to .11 instead of .05
    at 20 clusters; .04 to .07 with this, simulated). Source: Hall 1992 (the monotone cubic).
    """
    plain = both_t_tails(statistic, deviations.size - 1)
    spread = float((deviations**2).mean())
    if spread == 0 or not math.isfinite(statistic):
        return plain
    skewness = float((deviations**3).mean()) / spread**1.5
    bend = skewness / (3 * math.sqrt(deviations.size))
    bent = statistic + bend * statistic**2 + bend**2 * statistic**3 / 3 + bend / 2
    above, below = both_t_tails(bent, deviations.size - 1)
    return max(plain[0], above), max(plain[1], below)


def bounded_ps(sample: FloatArray, threshold: float, bounds: Bounds, ps: Ps) -> Ps:
    """`bounded_exceeds_p` on each side that has a bound, the t test on the other."""
    low, high = bounds
    above = bounded_exceeds_p(sample, threshold, low) if math.isfinite(low) else ps[0]
    below = bounded_exceeds_p(-sample, -threshold, -high) if math.isfinite(high) else ps[1]
    return above, below


def both_t_tails(statistic: float, freedom: int) -> Ps:
    """The chance that Student's t lies above the statistic, and below it."""
    from scipy.special import stdtr

    return float(stdtr(freedom, -statistic)), float(stdtr(freedom, statistic))


def unvaried_ps(value: float, threshold: float, n: int, bounds: Bounds | None) -> Ps:
    """For n equal values: the chance to see no other, had the mean been at the threshold.

    A mean at the threshold needs at least a certain share of values on its other side, as far
    out as the bounds allow. Without bounds, or with one value, nothing is shown.
    """
    low, high = bounds or UNBOUNDED
    if n < 2:
        return 1.0, 1.0

    def unseen(edge: float) -> float:
        share = (value - threshold) / (value - edge) if value != edge else 0.0
        return (1 - min(1.0, max(0.0, share))) ** n if math.isfinite(edge) else 1.0

    above = unseen(low) if value > threshold else 1.0
    below = unseen(high) if value < threshold else 1.0
    return above, below
