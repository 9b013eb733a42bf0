"""Intervals, paired comparisons and tests. Every interval is an `Estimate` at 95 %.

Owns the formulas of docs/statistics.md. It takes plain numbers, never a model or a file;
what a difference means for the user is decided in `diagnosis`, `advice` and `gate`.
"""

from harness.analysis.stats.contrast import Contrast, contrast
from harness.analysis.stats.differences import paired_difference, ratio_interval
from harness.analysis.stats.means import (
    Bounds,
    VarianceParts,
    clustered_mean_interval,
    mean_interval,
    repeats_mean_interval,
    unit_means,
    variance_parts,
)
from harness.analysis.stats.multiplicity import holm
from harness.analysis.stats.noninferiority import noninferiority_p
from harness.analysis.stats.pairs import mcnemar_midp, tango_interval, tango_z
from harness.analysis.stats.planning import (
    sample_variance,
    samples_for_margin,
    samples_needed,
    samples_to_show,
    smallest_detectable_difference,
    smallest_detectable_mean,
)
from harness.analysis.stats.proportions import clopper_pearson_interval, wilson_interval
from harness.analysis.stats.ratios import pooled_share_interval
from harness.analysis.stats.resampling import paired_bootstrap, sign_flip_p
from harness.analysis.stats.trend import Trend, trend_test

__all__ = [
    "Bounds",
    "Contrast",
    "Trend",
    "VarianceParts",
    "clopper_pearson_interval",
    "clustered_mean_interval",
    "contrast",
    "holm",
    "mcnemar_midp",
    "mean_interval",
    "noninferiority_p",
    "paired_bootstrap",
    "paired_difference",
    "pooled_share_interval",
    "ratio_interval",
    "repeats_mean_interval",
    "sample_variance",
    "samples_for_margin",
    "samples_needed",
    "samples_to_show",
    "sign_flip_p",
    "smallest_detectable_difference",
    "smallest_detectable_mean",
    "tango_interval",
    "tango_z",
    "trend_test",
    "unit_means",
    "variance_parts",
    "wilson_interval",
]
