"""Intervals, paired comparisons and tests. Every interval is an `Estimate` at 95 %.

Owns the formulas of docs/statistics.md. It takes plain numbers, never a model or a file;
what a difference means for the user is decided in `diagnosis`, `advice` and `gate`.
"""

from harness.analysis.stats.bounded import bounded_exceeds_p
from harness.analysis.stats.clusters import (
    FEW_CLUSTERS,
    LEAST_CLUSTERS,
    cluster_caution,
    clustered_share_interval,
    effective_samples,
)
from harness.analysis.stats.contrast import Contrast, contrast
from harness.analysis.stats.deciding import (
    Bar,
    looks_to_decide,
    pairs_to_decide,
    scores_to_decide,
)
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
from harness.analysis.stats.multiplicity import (
    all_hold_p,
    benjamini_hochberg,
    holm,
    macro_average,
)
from harness.analysis.stats.noninferiority import exceeds_p, falls_short_p, noninferiority_p
from harness.analysis.stats.pairs import mcnemar_midp, tango_interval, tango_z
from harness.analysis.stats.planning import (
    discordance,
    most_discordance,
    sample_variance,
    samples_for_margin,
    samples_for_parts,
    samples_needed,
    samples_to_show,
    smallest_detectable_difference,
    smallest_detectable_effect,
    smallest_detectable_mean,
)
from harness.analysis.stats.proportions import (
    clopper_pearson_interval,
    share_exceeds_p,
    share_falls_short_p,
    wilson_interval,
)
from harness.analysis.stats.ratios import pooled_share_interval
from harness.analysis.stats.resampling import paired_bootstrap, sign_flip_p
from harness.analysis.stats.selection import against_selected, bonferroni, max_t_p, selected_score
from harness.analysis.stats.sequential import (
    boundaries_at,
    e_value,
    e_values,
    first_at_least,
    look_boundaries,
    look_levels,
)
from harness.analysis.stats.thresholds import (
    Side,
    ThresholdTest,
    difference_test,
    score_test,
)
from harness.analysis.stats.trend import Trend, trend_test

__all__ = [
    "FEW_CLUSTERS",
    "LEAST_CLUSTERS",
    "Bar",
    "Bounds",
    "Contrast",
    "Side",
    "ThresholdTest",
    "Trend",
    "VarianceParts",
    "against_selected",
    "all_hold_p",
    "benjamini_hochberg",
    "bonferroni",
    "boundaries_at",
    "bounded_exceeds_p",
    "clopper_pearson_interval",
    "cluster_caution",
    "clustered_mean_interval",
    "clustered_share_interval",
    "contrast",
    "difference_test",
    "discordance",
    "e_value",
    "e_values",
    "effective_samples",
    "exceeds_p",
    "falls_short_p",
    "first_at_least",
    "holm",
    "look_boundaries",
    "look_levels",
    "looks_to_decide",
    "macro_average",
    "max_t_p",
    "mcnemar_midp",
    "mean_interval",
    "most_discordance",
    "noninferiority_p",
    "paired_bootstrap",
    "paired_difference",
    "pairs_to_decide",
    "pooled_share_interval",
    "ratio_interval",
    "repeats_mean_interval",
    "sample_variance",
    "samples_for_margin",
    "samples_for_parts",
    "samples_needed",
    "samples_to_show",
    "score_test",
    "scores_to_decide",
    "selected_score",
    "share_exceeds_p",
    "share_falls_short_p",
    "sign_flip_p",
    "smallest_detectable_difference",
    "smallest_detectable_effect",
    "smallest_detectable_mean",
    "tango_interval",
    "tango_z",
    "trend_test",
    "unit_means",
    "variance_parts",
    "wilson_interval",
]
