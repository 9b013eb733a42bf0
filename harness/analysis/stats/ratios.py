"""Shares of things that a sample holds several of, such as the fields of an object."""

from __future__ import annotations

import numpy.typing as npt

from harness.analysis.stats.means import finite, t_quantile, unvaried_interval
from harness.analysis.stats.proportions import wilson_limits
from harness.records import Estimate


def pooled_share_interval(parts: npt.ArrayLike, wholes: npt.ArrayLike) -> Estimate:
    """sum(parts) / sum(wholes) over samples: precision, recall, F1 of fields.

    Both have shape (n,), one value a sample, 0 <= part <= whole, in the same order. What one
    sample holds is right or wrong together: it counts as one observation, not as several. The
    variance is that of the ratio estimator; it becomes the Wilson interval of as many
    independent things as would vary as much, with t(n - 1) in place of the normal quantile.
    Assumes independent samples. Source: Cochran 1977, section 6.3; Korn, Graubard 1998.

    Raises:
        ValueError: lengths differ, no values, a part outside 0..whole, or nothing to count.
    """
    shares, sizes = finite(parts), finite(wholes)
    if shares.size != sizes.size:
        raise ValueError(f"{shares.size} parts of {sizes.size} wholes; pair them by sample")
    if (shares < 0).any() or (shares > sizes).any():
        raise ValueError("a part is below 0 or above its whole")
    if not sizes.any():
        raise ValueError("all wholes are 0: there is no share of nothing")
    n = int(sizes.size)
    share = float(shares.sum() / sizes.sum())
    deviations = (shares - share * sizes) / sizes.mean()
    if n < 2 or not deviations.any():
        return unvaried_interval(share, n, (0.0, 1.0))
    variance = float(deviations.var(ddof=1)) / n
    low, high = wilson_limits(share, share * (1 - share) / variance, t_quantile(n - 1))
    return Estimate(share, low, high, n, "Wilson over samples")
