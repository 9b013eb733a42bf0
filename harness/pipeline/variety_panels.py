"""What reports show of the variety of answers: raw metrics, and charts against epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.analysis.diversity import (
    per_prompt_distinct_n,
    per_prompt_duplicate_rate,
    per_prompt_self_bleu,
)
from harness.analysis.stats import mean_interval
from harness.pipeline.variety import LABELS, Groups, Variety
from harness.records import Estimate
from harness.reports.document import Panel, Point, Series


def _distinct_2(groups: Groups) -> Iterable[float]:
    return per_prompt_distinct_n(groups, 2)


SHOWN: Mapping[str, tuple[str, Callable[[Groups], Iterable[float]]]] = {
    "self_bleu": ("Self-BLEU: how much answers repeat each other", per_prompt_self_bleu),
    "distinct_2": ("Distinct-2: new word pairs", _distinct_2),
    "duplicate_rate": ("Duplicate answers", per_prompt_duplicate_rate),
}
"""The raw metrics of reports: title and value a prompt, at equal numbers of answers."""

RATIOS = ("self_bleu", "distinct_2")
"""The metrics whose ratio to what was expected is drawn."""

RATIO_TITLE = "Diversity against what was expected"
RATIO_TAKEAWAY = "below 0.9 the answers are less diverse than expected"


def metrics_of(variety: Variety, model: str) -> dict[str, Estimate]:
    """One model's raw metrics, each a mean over prompts."""
    texts = variety.texts(model)
    groups = [list(texts.get(key, ())) for key in variety.prompts]
    return {name: found for name in SHOWN if (found := metric_mean(name, groups))}


def metric_mean(name: str, groups: Groups) -> Estimate | None:
    """The mean over prompts where the metric is defined; None where it nowhere is."""
    values = [float(v) for v in SHOWN[name][1](groups) if not math.isnan(v)]
    return mean_interval(values, (0.0, 1.0)) if values else None


def panels(variety: Variety) -> tuple[Panel, ...]:
    """The ratio that advice reads, then each raw metric against epochs."""
    raw = (_raw_panel(variety, name, title) for name, (title, _) in SHOWN.items())
    return (_ratio_panel(variety), *raw)


def _ratio_panel(variety: Variety) -> Panel:
    names = {n for e in variety.track.epochs for n in variety.after(e).comparisons} - {"previous"}
    series = [
        Series(
            f"{LABELS[metric]} over {name}",
            "heldout" if name == "references" else "curve",
            tuple(_ratio_points(variety, metric, name)),
        )
        for metric in RATIOS
        for name in sorted(names)
    ]
    return Panel(RATIO_TITLE, "ratio", tuple(s for s in series if s.points), RATIO_TAKEAWAY)


def _ratio_points(variety: Variety, metric: str, name: str) -> list[Point]:
    points = []
    for epoch in variety.track.epochs:
        compared = variety.after(epoch).comparisons.get(name)
        if compared is not None and math.isfinite(compared[metric].ratio.value):
            points.append(Point(epoch, compared[metric].ratio))
    return points


def _raw_panel(variety: Variety, name: str, title: str) -> Panel:
    track = variety.track
    points = []
    for epoch in track.epochs:
        groups = [
            list(variety.texts(c.model).get(key, ()))
            for c in track.at(epoch)
            for key in variety.prompts
        ]
        found = metric_mean(name, groups)
        if found is not None:
            points.append(Point(epoch, found))
    series = [Series("tuned", "heldout", tuple(points)), *_levels(variety, name)]
    return Panel(title, "share", tuple(series), "")


def _levels(variety: Variety, name: str) -> Iterable[Series]:
    """Base model and references as level lines."""
    k = variety.track.spec.answers_per_prompt
    base = [list(variety.texts(variety.track.base)[p]) for p in variety.prompts]
    references = [list(variety.references()[key])[:k] for key in variety.prompts]
    if (found := _full_mean(name, base, k)) is not None:
        yield Series("base model", "base", _level(variety, found))
    if (found := _full_mean(name, references, k)) is not None:
        yield Series("reference answers", "reference", _level(variety, found))


def _full_mean(name: str, groups: Sequence[list[str]], k: int) -> Estimate | None:
    """The mean, where every prompt has k texts: fewer would look more diverse."""
    return metric_mean(name, list(groups)) if all(len(g) == k for g in groups) else None


def _level(variety: Variety, found: Estimate) -> tuple[Point, ...]:
    return tuple(Point(end, found) for end in (0.0, variety.track.epochs[-1]))
