"""A model's score with its interval, and what changed between two: over samples, or documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.analysis.wilson import wilson_interval
from harness.pipeline.measuring.measurement import aligned, clusters_of
from harness.records import Estimate, Sample


def score(
    values: Mapping[str, float], samples: Mapping[str, Sample] | None = None
) -> Estimate | None:
    """The mean score with its interval: Wilson for right-or-wrong marks, t for graded ones.

    Where ``samples`` share documents, over these.
    """
    if not values:
        return None
    return mean_score(list(values.values()), clusters_of(list(values), samples))


def mean_score(
    marks: Sequence[float], clusters: Sequence[tuple[str, bool]] | None = None
) -> Estimate | None:
    """The mean of marks with its interval, over their documents where there are some."""
    if not marks:
        return None
    is_binary = all(mark in (0.0, 1.0) for mark in marks)
    if is_binary and not clusters:
        return wilson_interval(int(sum(marks)), len(marks))
    from harness.analysis import stats

    if is_binary and clusters:
        return stats.clustered_share_interval(marks, clusters)
    bounds = (0.0, 1.0) if all(0 <= mark <= 1 for mark in marks) else None
    if clusters:
        return stats.clustered_mean_interval(marks, clusters, bounds)
    return stats.mean_interval(marks, bounds)


def difference(
    tuned: Mapping[str, float],
    base: Mapping[str, float],
    samples: Mapping[str, Sample] | None = None,
) -> tuple[Estimate, float] | None:
    """Tuned minus base on the samples that both have, over documents where they share them."""
    from harness.analysis.stats import paired_difference

    keys, ours, theirs = aligned(tuned, base)
    if not keys:
        return None
    return paired_difference(ours, theirs, clusters_of(keys, samples))
