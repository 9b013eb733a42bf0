"""What reports show of the variety of answers: raw metrics, and charts against epochs.

Raw metrics are of the answers as they came, at equal numbers of them; the ratio that advice
reads, and what stands across prompts, is of answers cut to equal length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from harness.analysis.diversity import (
    AcrossComparison,
    DiversityComparison,
    Metric,
    encode,
)
from harness.analysis.diversity.semantic import DISSIMILARITY, VENDI
from harness.analysis.stats import mean_interval
from harness.pipeline.measuring.raw_variety import LOWER, SHOWN, Raw, Shown, mean_of
from harness.pipeline.measuring.variety import Variety
from harness.records import Estimate
from harness.reports.document import Panel, Point, Role, Series, Unit

RATIO_TITLE = "Diversity against what was expected"
RATIO_TAKEAWAY = "the metric that fell most, at equal length"
LIMIT = "less diverse below"


def metrics_of(variety: Variety, model: str) -> dict[str, Estimate]:
    """One model's raw metrics, each a mean over prompts; those of embeddings at equal length."""
    raw = variety.raw(model)
    means = {name: raw.mean(name) for name in SHOWN}
    return {name: found for name, found in means.items() if found} | _semantic(variety, model)


def _semantic(variety: Variety, model: str) -> dict[str, Estimate]:
    """What the comparison that a tuned model is judged by says of its embeddings.

    Of one model alone, where nothing is compared, the values of its answers as they came.
    """
    if not variety.track.tuned_names:
        means = {metric.name: _alone(variety, metric, model) for metric in variety.semantic}
        return {name: found for name, found in means.items() if found}
    than = "base" if variety.base_is_coherent else "references"
    is_judged = variety.semantic and model != variety.track.base
    compared = variety.against(model, than) if is_judged else None
    if compared is None:
        return {}
    found = {metric.name: compared[metric.name].tuned for metric in variety.semantic}
    return {name: value for name, value in found.items() if math.isfinite(value.value)}


def _alone(variety: Variety, metric: Metric, model: str) -> Estimate | None:
    texts = variety.texts(model)
    corpus = encode([list(texts.get(key, ())) for key in variety.prompts])
    values = [value for value in metric.values(corpus).tolist() if not math.isnan(value)]
    bounds = (0.0, 1.0 if metric.unit == "share" else float(max([*values, *corpus.k.tolist(), 1])))
    return mean_interval(values, bounds) if values else None


def units_of(variety: Variety) -> dict[str, Unit]:
    """The units of those metrics that are no shares."""
    known = {name: shown.unit for name, shown in SHOWN.items()}
    known |= {metric.name: metric.unit for metric in variety.semantic}
    return {name: unit for name, unit in known.items() if unit != "share"}


def panels(variety: Variety) -> tuple[Panel, ...]:
    """The ratio that advice reads, each raw metric, and what answers to all prompts share."""
    return (
        _ratio_panel(variety),
        *_semantic_panels(variety),
        *(_raw_panel(variety, name, shown) for name, shown in SHOWN.items()),
        *_across_panels(variety),
    )


def _ratio_panel(variety: Variety) -> Panel:
    drops = ((epoch, variety.after(epoch).drop) for epoch in variety.track.epochs)
    points = tuple(Point(epoch, drop.to_expected) for epoch, drop in drops if drop)
    limit = variety.limits.less_diverse
    line = Estimate(limit, limit, limit, 0, "threshold")
    series = (
        Series("tuned over expected", "heldout", points),
        Series(LIMIT, "reference", _level(variety, line)),
    )
    return Panel(RATIO_TITLE, "ratio", series if points else (), RATIO_TAKEAWAY)


# --- raw metrics ---------------------------------------------------------------------


def _raw_panel(variety: Variety, name: str, shown: Shown) -> Panel:
    points = ((epoch, _after(variety, name, shown, epoch)) for epoch in variety.track.epochs)
    tuned = Series("tuned", "heldout", tuple(Point(e, found) for e, found in points if found))
    return Panel(shown.title, shown.unit, (tuned, *_levels(variety, name)), shown.takeaway)


def _after(variety: Variety, name: str, shown: Shown, epochs: float) -> Estimate | None:
    """The mean over prompts of what seeds have in the mean: they share their prompts."""
    by_seed = [
        variety.raw(checkpoint.model).values[name] for checkpoint in variety.track.at(epochs)
    ]
    values = [
        sum(known) / len(known)
        for row in zip(*by_seed, strict=True)
        if (known := [value for value in row if not math.isnan(value)])
    ]
    return mean_of(shown, values, variety.track.spec.answers_per_prompt)


def _levels(variety: Variety, name: str) -> Iterable[Series]:
    """Base model and references as level lines."""
    k = variety.track.spec.answers_per_prompt
    if (found := _full_mean(variety.raw(variety.track.base), name, k)) is not None:
        yield Series("base model", "base", _level(variety, found))
    if (found := _full_mean(variety.raw_references(k), name, k)) is not None:
        yield Series("reference answers", "reference", _level(variety, found))


def _full_mean(raw: Raw, name: str, k: int) -> Estimate | None:
    """The mean, where every prompt has k texts: fewer would look more diverse."""
    return raw.mean(name) if all(size == k for size in raw.sizes) else None


def _level(variety: Variety, found: Estimate) -> tuple[Point, ...]:
    return tuple(Point(end, found) for end in (0.0, variety.track.epochs[-1]))


# --- at equal length -----------------------------------------------------------------

EMBEDDED = "of embeddings, at equal length; higher is more diverse"
SEMANTIC_TITLES: Mapping[str, str] = {
    VENDI: "Different meanings (Vendi score)",
    DISSIMILARITY: "Distance of meanings (1 - cosine)",
}


def _semantic_panels(variety: Variety) -> Iterator[Panel]:
    against_base = _against_base(variety)
    for metric in variety.semantic:
        rows = {epoch: compared[metric.name] for epoch, compared in against_base.items()}
        known = {epoch: row for epoch, row in rows.items() if math.isfinite(row.tuned.value)}
        tuned = {epoch: row.tuned for epoch, row in known.items()}
        base = {epoch: row.base for epoch, row in known.items()}
        title = SEMANTIC_TITLES.get(metric.name, metric.name)
        yield Panel(title, metric.unit, _pair(tuned, base), EMBEDDED)


def _against_base(variety: Variety) -> dict[float, DiversityComparison]:
    found = {epoch: variety.after(epoch).comparisons for epoch in variety.track.epochs}
    return {epoch: one["base"] for epoch, one in found.items() if "base" in one}


# --- across prompts ------------------------------------------------------------------

ACROSS: Mapping[str, tuple[str, Unit, str]] = {
    "self_repetition": ("Across prompts: self-repetition", "nats", LOWER),
    "distinct_4": ("Across prompts: distinct-4", "share", "higher is more diverse"),
}
COMPRESSION_TITLE = "Compression ratio (xz)"


def _across_panels(variety: Variety) -> Iterator[Panel]:
    against_base = _against_base(variety)
    for name, (title, unit, takeaway) in ACROSS.items():
        rows = {epoch: _row(compared, name) for epoch, compared in against_base.items()}
        known = {epoch: row for epoch, row in rows.items() if row and math.isfinite(row.tuned)}
        yield Panel(
            title,
            unit,
            _pair(
                {epoch: _beside_base(row) for epoch, row in known.items()},
                {epoch: _bare(row.base) for epoch, row in known.items()},
            ),
            f"at equal length; {takeaway}; the band is the difference's from base",
        )
    ratios = {epoch: c.compression for epoch, c in against_base.items() if c.compression}
    yield Panel(
        COMPRESSION_TITLE,
        "ratio",
        _pair(
            {epoch: _bare(tuned) for epoch, (tuned, _) in ratios.items()},
            {epoch: _bare(base) for epoch, (_, base) in ratios.items()},
        ),
        f"all answers together, a description only; {LOWER}",
    )


def _row(compared: DiversityComparison, name: str) -> AcrossComparison | None:
    return next((row for row in compared.across if row.metric == name), None)


def _beside_base(row: AcrossComparison) -> Estimate:
    """The tuned value, with the interval of its difference from base laid around it."""
    difference = row.difference
    low, high = row.base + difference.low, row.base + difference.high
    return Estimate(row.tuned, low, high, difference.n, f"{difference.method}, of the difference")


def _bare(value: float) -> Estimate:
    return Estimate(value, value, value, 0, "no interval")


def _pair(tuned: Mapping[float, Estimate], base: Mapping[float, Estimate]) -> tuple[Series, ...]:
    lines: tuple[tuple[str, Role, Mapping[float, Estimate]], ...] = (
        ("tuned", "heldout", tuned),
        ("base model", "base", base),
    )
    return tuple(
        Series(name, role, tuple(Point(epoch, found) for epoch, found in values.items()))
        for name, role, values in lines
        if values
    )
