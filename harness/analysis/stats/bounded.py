"""Tests of a mean that hold at every n, where the least possible value is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.analysis.stats.means import finite
from harness.analysis.stats.resampling import batches

DRAWS = 10_000
ENOUGH_FOR_T = 2000
"""From so many values on the t test holds as well, and costs nothing."""


def bounded_exceeds_p(
    values: npt.ArrayLike, threshold: float, least: float, *, seed: int = 0
) -> float:
    """The one-sided p value of "the true mean is at most ``threshold``"; values are >= ``least``.

    The values get random weights (Dirichlet), and one more value at ``least`` stands for what
    has not been seen: p is the chance that the weighted mean does not exceed the threshold. For
    0/1 values that is Clopper-Pearson's exact test. A t test of answers that hardly ever differ
    passes a model that is worse by the margin in up to 15 % of cases, because the rare large
    drop was not drawn; this one stays below 5 % (simulated). Assumes independent samples.
    Source: Gaffke 2005; Learned-Miller, Thomas 2020.

    Raises:
        ValueError: no values, or one below ``least``.
    """
    sample = np.append(finite(values, (least, np.inf)), least)
    above = (sample - threshold).astype(np.float32)
    rng = np.random.default_rng(seed)
    hits = 0
    for rows in batches(DRAWS, sample.size):
        weights = rng.standard_exponential((rows, sample.size), dtype=np.float32)
        # sum(w x) / sum(w) <= threshold, without the division
        hits += int((weights @ above <= 0).sum())
    return (hits + 1) / (DRAWS + 1)
