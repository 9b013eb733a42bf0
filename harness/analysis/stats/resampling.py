"""Tests and intervals by resampling units: sign flips and the bootstrap. Seeded."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.analysis.stats.means import Bounds, FloatArray, finite, t_quantile, unvaried_interval
from harness.records import Estimate

Alternative = Literal["two-sided", "greater"]

EXACT_UP_TO = 14  # non-zero differences: 2^14 sign patterns
RESAMPLES = 4000
BATCH_NUMBERS = 2_000_000  # drawn at a time, to bound memory


def sign_flip_p(
    differences: npt.ArrayLike,
    alternative: Alternative = "two-sided",
    *,
    seed: int = 0,
    resamples: int = 9999,
) -> float:
    """The p value of "each difference is as likely with the other sign".

    ``differences`` has shape (n,). Exact up to 14 non-zero differences, else from seeded
    random signs. Assumes independent units and differences symmetric about 0.
    Source: Fisher's randomisation test.

    Raises:
        ValueError: no differences, or one that is not finite.
    """
    sample = finite(differences)
    sample = sample[sample != 0]  # a zero keeps its sign: it changes neither sum nor count
    if sample.size == 0:
        return 1.0
    exact = sample.size <= EXACT_UP_TO
    sums = all_sign_sums(sample) if exact else random_sign_sums(sample, resamples, seed)
    observed = float(sample.sum())
    tie = 1e-12 * float(np.abs(sample).sum())
    if alternative == "two-sided":
        sums, observed = np.abs(sums), abs(observed)
    extreme = int((sums >= observed - tie).sum())
    return extreme / sums.size if exact else (extreme + 1) / (sums.size + 1)


def all_sign_sums(sample: FloatArray) -> FloatArray:
    """The sums of the sample under all 2^n sign patterns."""
    patterns = np.arange(2**sample.size)[:, None] >> np.arange(sample.size)
    return np.asarray((2.0 * (patterns & 1) - 1) @ sample)


def random_sign_sums(sample: FloatArray, resamples: int, seed: int) -> FloatArray:
    """The sums of the sample under random signs."""
    rng = np.random.default_rng(seed)
    rows = batches(resamples, sample.size)
    positive = (rng.integers(0, 2, size=(r, sample.size), dtype=np.int8) @ sample for r in rows)
    return np.asarray(2 * np.concatenate(list(positive)) - sample.sum())


def paired_bootstrap(
    tuned: npt.ArrayLike,
    base: npt.ArrayLike,
    *,
    seed: int,
    bounds: Bounds | None = None,
    resamples: int = RESAMPLES,
) -> Estimate:
    """The mean of tuned - base over units (prompts), with a bootstrap interval.

    Both have shape (n,), one value a unit, in the same order. Percentile limits, expanded to
    the width that small n needs. ``bounds`` are those of one difference: they give
    differences that do not vary an honest width (see `unvaried_interval`).
    Assumes independent units; not for right/wrong answers, where it covers too little.
    Source: Hesterberg 2015 (expanded percentiles).

    Raises:
        ValueError: lengths differ, no values, or one that is not finite.
    """
    differences = paired_columns(tuned, base) @ np.array([1.0, -1.0])
    n = differences.size
    if n < 2 or np.ptp(differences) == 0:
        return unvaried_interval(float(differences[0]), n, bounds)
    means = resampled_means(differences[:, None], seed, resamples)[:, 0]
    low, high = expanded_percentiles(means, n)
    return Estimate(float(differences.mean()), low, high, n, "bootstrap over units")


def paired_columns(tuned: npt.ArrayLike, base: npt.ArrayLike) -> FloatArray:
    """Two aligned arrays of shape (n,) as one of shape (n, 2)."""
    first, second = finite(tuned), finite(base)
    if first.size != second.size:
        raise ValueError(f"{first.size} tuned and {second.size} base values; pair them by unit")
    return np.column_stack([first, second])


def resampled_means(columns: FloatArray, seed: int, resamples: int) -> FloatArray:
    """Column means, shape (resamples, columns), of rows drawn with replacement."""
    n = len(columns)
    rng = np.random.default_rng(seed)
    means = [columns[rng.integers(0, n, (r, n))].mean(axis=1) for r in batches(resamples, n)]
    return np.concatenate(means)


def batches(total: int, width: int) -> list[int]:
    """``total`` rows of ``width`` numbers cut into pieces that fit in memory."""
    size = max(1, BATCH_NUMBERS // width)
    return [min(size, total - start) for start in range(0, total, size)]


def expanded_percentiles(resampled: FloatArray, n: int) -> tuple[float, float]:
    """Percentile limits at the level that makes them as wide as a t interval; n >= 2.

    Plain percentiles use the n-divisor variance and the normal quantile, both too small.
    """
    from scipy.special import ndtr

    tail = float(ndtr(-math.sqrt(n / (n - 1)) * t_quantile(n - 1)))
    # Means with infinite resamples (a ratio over 0) cannot be interpolated.
    low, high = np.quantile(resampled, [tail, 1 - tail], method="nearest")
    return float(low), float(high)
