"""Every number of one model on one eval: its score, and what else the grader counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from harness.pipeline.measuring.measurement import Answers, clusters_of
from harness.pipeline.measuring.scores import score
from harness.records import Estimate, Sample
from harness.reports.document import FIELD, SCORE, Unit

COUNTS = frozenset({"tp", "fp", "fn"})
"""What Extraction counts in each answer; over samples it becomes precision, recall and F1."""

Details = Mapping[str, Sequence[Mapping[str, float]]]
"""The grader's further numbers of each answer, by sample id."""


def metrics_of(
    answers: Answers, samples: Mapping[str, Sample] | None = None
) -> dict[str, Estimate]:
    """The score, then shares of fields, then the mean of every further number; fields last.

    Where ``samples`` share documents, all intervals are over these.
    """
    found = score(answers.by_prompt, samples)
    metrics = {SCORE: found} if found else {}
    metrics |= field_metrics(answers.details, samples)
    for name in detail_names(answers.details):
        detail = score(by_sample(answers.details, name), samples)
        if detail:
            metrics[name] = detail
    return metrics


def units_of(answers: Answers) -> dict[str, Unit]:
    """The units of those metrics that are no shares: some value of theirs is outside 0..1."""
    names = [n for n in detail_names(answers.details) if not _is_share(answers.details, n)]
    if any(value < 0 or value > 1 for values in answers.values.values() for value in values):
        names.append(SCORE)
    return dict.fromkeys(names, "count")


def detail_names(details: Details) -> list[str]:
    """The names of means to take, those of single fields last."""
    names = {name for rows in details.values() for row in rows for name in row}
    if names >= COUNTS:
        names -= COUNTS
    return sorted(names, key=lambda name: (name.startswith(FIELD), name))


def by_sample(details: Details, name: str) -> dict[str, float]:
    """One value a sample that has it: the mean over its repeats."""
    values = {key: [row[name] for row in rows if name in row] for key, rows in details.items()}
    means = {key: sum(found) / len(found) for key, found in values.items() if found}
    return {key: value for key, value in means.items() if math.isfinite(value)}


def _is_share(details: Details, name: str) -> bool:
    rows = (row for rows in details.values() for row in rows if name in row)
    return not any(row[name] < 0 or row[name] > 1 for row in rows)


# --- fields of extracted objects -----------------------------------------------------

Counts = Mapping[str, float]

PARTS: Mapping[str, Callable[[Counts], tuple[float, float]]] = {
    "f1": lambda one: (2 * one["tp"], 2 * one["tp"] + one["fp"] + one["fn"]),
    "precision": lambda one: (one["tp"], one["tp"] + one["fp"]),
    "recall": lambda one: (one["tp"], one["tp"] + one["fn"]),
}
"""What each share counts, and among how many."""


def field_metrics(
    details: Details, samples: Mapping[str, Sample] | None = None
) -> dict[str, Estimate]:
    """F1, precision and recall over the fields of all samples.

    A sample is one observation, and so is a document where samples share them.
    """
    counts = {key: counted for key, rows in details.items() if (counted := _counts(rows))}
    if not counts:
        return {}
    from harness.analysis.stats import pooled_share_interval
    from harness.graders.extraction import field_scores

    units = _by_cluster(counts, samples)
    shares = field_scores(units)
    metrics = {}
    for name, part_and_whole in PARTS.items():
        if getattr(shares, name) is not None:
            parts, wholes = zip(*map(part_and_whole, units), strict=True)
            metrics[name] = replace(pooled_share_interval(parts, wholes), n=len(counts))
    return metrics


def _by_cluster(counts: Mapping[str, Counts], samples: Mapping[str, Sample] | None) -> list[Counts]:
    """The counts of each sample, or of each document where samples share them."""
    clusters = clusters_of(list(counts), samples)
    if clusters is None:
        return list(counts.values())
    sums: dict[object, dict[str, float]] = {}
    for cluster, found in zip(clusters, counts.values(), strict=True):
        total = sums.setdefault(cluster, dict.fromkeys(COUNTS, 0.0))
        for name, count in found.items():
            total[name] += count
    return list(sums.values())


def _counts(rows: Sequence[Counts]) -> Counts:
    """The counts of all repeats of a sample; empty where its grader does not count."""
    counted = [row for row in rows if row.keys() >= COUNTS]
    return {name: sum(row[name] for row in counted) for name in COUNTS} if counted else {}
