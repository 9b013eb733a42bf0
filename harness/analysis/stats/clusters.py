"""Right-or-wrong answers where several samples share a document (a cluster)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.analysis.stats.means import (
    FloatArray,
    cluster_labels,
    cr1_variance,
    finite,
    t_quantile,
)
from harness.analysis.stats.proportions import wilson_limits
from harness.records import Estimate

IntArray = npt.NDArray[np.int64]

FEW_CLUSTERS = 20
"""Below this number of clusters an interval is a little too narrow: said beside it."""
LEAST_CLUSTERS = 10
"""Below this number nothing passes a gate."""


def clustered_share_interval(values: npt.ArrayLike, clusters: Sequence[object]) -> Estimate:
    """The share of right answers (0/1) where several samples share a document.

    Wilson's interval of the `effective_samples`, with t(G - 1) quantiles for G clusters.
    Assumes independent clusters; see `FEW_CLUSTERS`.

    Raises:
        ValueError: lengths differ, no values, or values other than 0 and 1.
    """
    sample = finite(values, (0.0, 1.0))
    if not np.isin(sample, (0.0, 1.0)).all():
        raise ValueError("a share counts right and wrong answers; give values of 0 and 1")
    labels = cluster_labels(clusters, sample.size)
    count = int(labels.max()) + 1
    share = float(sample.mean())
    if count < 2:
        return Estimate(share, 0.0, 1.0, sample.size, "one cluster")
    low, high = wilson_limits(share, effective_samples(sample, labels), t_quantile(count - 1))
    return Estimate(share, low, high, sample.size, "Wilson over clusters")


def effective_samples(sample: FloatArray, labels: IntArray) -> float:
    """How many independent samples would vary as much in their mean: n over the design effect.

    The design effect is the CR1 variance over that of independent samples, at least 1. Values
    that are all equal tell nothing about it; then a cluster counts as one sample.
    """
    independent = float(sample.var()) / sample.size
    if independent == 0:
        return float(labels.max()) + 1
    return sample.size / max(1.0, cr1_variance(sample, labels) / independent)


def cluster_caution(count: int | None) -> str:
    """What a reader has to know about so many clusters; "" where nothing."""
    if count is None or count >= FEW_CLUSTERS:
        return ""
    if count < LEAST_CLUSTERS:
        return f"only {count} clusters of samples: too few to rely on ({LEAST_CLUSTERS} needed)"
    return f"only {count} clusters of samples: the interval may be a little too narrow"
