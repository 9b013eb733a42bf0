"""What changed between two models on the same samples, by the method that the scores need."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.analysis.stats.clusters import effective_samples
from harness.analysis.stats.means import (
    Bounds,
    FloatArray,
    cluster_labels,
    clustered_mean_interval,
    cr1_variance,
    mean_interval,
    t_quantile,
    unvaried_interval,
)
from harness.analysis.stats.pairs import (
    discordant,
    is_binary,
    mcnemar_midp,
    tango_interval,
    tango_limits,
    tango_z,
)
from harness.analysis.stats.resampling import (
    RESAMPLES,
    expanded_percentiles,
    paired_columns,
    resampled_means,
    sign_flip_p,
)
from harness.records import Estimate


def paired_difference(
    tuned_scores: npt.ArrayLike,
    base_scores: npt.ArrayLike,
    clusters: Sequence[object] | None = None,
    *,
    seed: int = 0,
) -> tuple[Estimate, float]:
    """The mean of tuned - base with its interval, and the two-sided p value against 0.

    Both have shape (n,), in the same order of samples. Scores that are all 0 or 1 get Tango's
    interval and McNemar's mid-p; others the paired t interval and the sign-flip test.
    Scores that all lie in 0..1 are taken as fractions, which bounds their differences.
    With ``clusters`` (one label a sample) both interval and p come from t(G - 1).

    Raises:
        ValueError: lengths differ, no scores, or one that is not finite.
    """
    pairs = paired_columns(tuned_scores, base_scores)
    differences = pairs[:, 0] - pairs[:, 1]
    binary = is_binary(pairs[:, 0], pairs[:, 1])
    if clusters is not None:
        compare = clustered_binary if binary else clustered_graded
        return compare(differences, clusters, difference_bounds(pairs))
    if binary:
        b, c = discordant(pairs[:, 0], pairs[:, 1])
        return tango_interval(b, c, differences.size), mcnemar_midp(b, c)
    estimate = mean_interval(differences, difference_bounds(pairs))
    return estimate, sign_flip_p(differences, seed=seed)


def difference_bounds(pairs: FloatArray) -> Bounds | None:
    """Fractions differ by at most 1; of other scores no bound is known."""
    return (-1.0, 1.0) if pairs.min() >= 0 and pairs.max() <= 1 else None


def clustered_graded(
    differences: FloatArray, clusters: Sequence[object], bounds: Bounds | None
) -> tuple[Estimate, float]:
    """The CR1 interval of the mean difference, and its p value from t(G - 1)."""
    estimate = clustered_mean_interval(differences, clusters, bounds)
    labels = cluster_labels(clusters, differences.size)
    count = int(labels.max()) + 1
    error = math.sqrt(cr1_variance(differences, labels)) if count > 1 else 0.0
    return estimate, two_sided_t_p(estimate.value / error, count - 1) if error else 1.0


def clustered_binary(
    differences: FloatArray, clusters: Sequence[object], bounds: Bounds | None
) -> tuple[Estimate, float]:
    """Tango's interval on counts divided by the design effect, with t(G - 1) quantiles.

    The design effect is CR1 variance over the variance of independent samples, at least 1.
    Holds the gate's error near .05 from 10 clusters on, where ignoring them gives .15
    (simulated; this project's own construction).
    """
    labels = cluster_labels(clusters, differences.size)
    count, n = int(labels.max()) + 1, differences.size
    mean = float(differences.mean())
    if count < 2:
        return Estimate(mean, -1.0, 1.0, n, "one cluster"), 1.0
    effective = effective_samples(differences, labels)
    b, c = (float((differences * sign > 0).mean()) * effective for sign in (1, -1))
    low, high = tango_limits(b, c, effective, t_quantile(count - 1))
    p_value = two_sided_t_p(float(tango_z(b, c, effective, 0.0)), count - 1)
    return Estimate(mean, float(low), float(high), n, "Tango over clusters"), p_value


def two_sided_t_p(statistic: float, freedom: int) -> float:
    """The chance that Student's t is at least that far from 0."""
    from scipy.special import stdtr

    return 2 * float(stdtr(freedom, -abs(statistic)))


def ratio_interval(
    tuned: npt.ArrayLike,
    base: npt.ArrayLike,
    *,
    seed: int,
    bounds: Bounds | None = None,
    resamples: int = RESAMPLES,
) -> Estimate:
    """mean(tuned) / mean(base) over units (prompts), with a bootstrap interval.

    Both have shape (n,), non-negative, one value a unit, in the same order. Where the base's
    mean is 0 the ratio is undefined: NaN, with the interval 0..inf. Values that do not vary
    at all leave nothing to resample: see `unvaried_interval`, which ``bounds`` narrows.
    Assumes independent units. Source: Hesterberg 2015 (expanded percentiles).

    Raises:
        ValueError: lengths differ, no values, a negative one or one that is not finite.
    """
    pairs = paired_columns(tuned, base)
    if pairs.min() < 0:
        raise ValueError("a ratio of means needs values that are not negative")
    n = len(pairs)
    above, below = (float(mean) for mean in pairs.mean(axis=0))
    if below == 0:
        return Estimate(math.nan, 0.0, math.inf, n, "bootstrap over units")
    if n < 2 or not np.ptp(pairs, axis=0).any():
        low, high = unvaried_ratio(above, below, n, bounds)
    else:
        means = resampled_means(pairs, seed, resamples)
        low, high = expanded_percentiles(quotients(means[:, 0], means[:, 1]), n)
    return Estimate(above / below, low, high, n, "bootstrap over units")


def unvaried_ratio(above: float, below: float, n: int, bounds: Bounds | None) -> Bounds:
    """How far the ratio of two means can lie off when neither varied among n units."""
    tuned, base = unvaried_interval(above, n, bounds), unvaried_interval(below, n, bounds)
    high = tuned.high / base.low if base.low > 0 else math.inf
    return max(0.0, tuned.low / base.high), high


def quotients(above: FloatArray, below: FloatArray) -> FloatArray:
    """Elementwise above / below, infinite over 0."""
    infinite = np.full_like(above, math.inf)
    return np.divide(above, below, out=infinite, where=below > 0)
