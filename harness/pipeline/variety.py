"""How varied the answers to open tasks are, at every epoch count, against what was expected."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.analysis.diversity import (
    DiversityComparison,
    MetricComparison,
    compare_diversity,
    per_prompt_copy_rate,
    per_prompt_distinct_n,
    per_prompt_duplicate_rate,
    per_prompt_self_bleu,
)
from harness.analysis.evidence import DiversityDrop, less_diverse
from harness.analysis.stats import mean_interval, paired_difference
from harness.analysis.thresholds import DEFAULT, Thresholds
from harness.messages import content_text
from harness.pipeline.measurement import aligned, clusters_of, pooled
from harness.pipeline.track import Track
from harness.records import DiversityChange, Estimate, Finding, Sample
from harness.reports.document import Panel, Point, Series

Groups = list[list[str]]

METRICS = ("self_bleu", "distinct_2")
"""What the verdict rests on: how much answers share, and how many pairs of words are new."""


def _distinct_2(groups: Groups) -> Iterable[float]:
    return per_prompt_distinct_n(groups, 2)


SHOWN: Mapping[str, tuple[str, Callable[[Groups], Iterable[float]]]] = {
    "self_bleu": ("Self-BLEU: how much answers repeat each other", per_prompt_self_bleu),
    "distinct_2": ("Distinct-2: new word pairs", _distinct_2),
    "duplicate_rate": ("Duplicate answers", per_prompt_duplicate_rate),
}
"""The raw metrics of reports: title and value a prompt, at equal numbers of answers."""

RATIO_TITLE = "Diversity against what was expected"


@dataclass(frozen=True, slots=True)
class Measured:
    """Diversity and copying after some epochs."""

    drop: DiversityDrop | None
    copied: Estimate | None
    comparisons: Mapping[str, DiversityComparison]
    """By what the tuned answers were compared with: ``base``, ``references``."""


@dataclass(slots=True)
class Variety:
    """The varied answers of one open track. Values are computed once and kept."""

    track: Track
    prompts: tuple[str, ...]
    limits: Thresholds = DEFAULT
    _measured: dict[float, Measured] = field(default_factory=dict)
    _said: dict[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, track: Track, limits: Thresholds = DEFAULT) -> Variety | None:
        """None for tasks with one ideal answer, or where prompts have a single answer."""
        base = track.of(track.base)
        if track.spec.task != "open" or track.spec.answers_per_prompt < 2 or base is None:
            return None
        return cls(track, tuple(key for key in track.heldout if key in base.places), limits)

    # --- what advice reads -----------------------------------------------------------

    def after(self, epochs: float) -> Measured:
        """Measure the answers after ``epochs`` epochs, all seeds together."""
        if epochs not in self._measured:
            self._measured[epochs] = self._measure(epochs)
        return self._measured[epochs]

    def fit_for_use(self, epochs: float) -> bool:
        """Neither less diverse than expected nor copying."""
        measured = self.after(epochs)
        drop, copied = measured.drop, measured.copied
        collapsed = (
            drop is not None and drop.significant and less_diverse(drop.to_expected, self.limits)
        )
        return not collapsed and (copied is None or copied.low <= self.limits.copy_limit)

    def _measure(self, epochs: float) -> Measured:
        models = [checkpoint.model for checkpoint in self.track.at(epochs)]
        arms = {"base": self._texts(self.track.base), "references": self._references()}
        comparisons = {
            name: compared for name, arm in arms.items() if (compared := self._against(models, arm))
        }
        first = self.track.epochs[0]
        at_first = self.after(first).drop if epochs > first else None
        yardsticks = {
            name: compared
            for name, compared in comparisons.items()
            if name != "base" or self._base_is_coherent()
        }
        drop = diversity_drop(yardsticks, at_first.to_expected if at_first else None)
        return Measured(drop, self._copied(epochs), comparisons)

    def change_of(self, model: str) -> DiversityChange:
        """One model's variety against the base model's, or, where that is no yardstick (see
        `_base_is_coherent`), against the references'."""
        than, arm = "the references", self._references()
        if self._base_is_coherent():
            than, arm = "base", self._texts(self.track.base)
        compared = self._against([model], arm)
        if compared is None:
            return UNMEASURED
        rows = [row for row in compared.metrics if math.isfinite(row.ratio.value)]
        if not rows:
            return UNMEASURED
        row = min(rows, key=lambda row: row.ratio.value)
        level = row.ratio.low >= self.limits.less_diverse
        verdict = CHANGES.get(compared.verdict) or ("level" if level else "unclear")
        return DiversityChange(verdict, row.ratio, LABELS[row.metric], than)

    def _against(
        self, models: Iterable[str], other: Mapping[str, Sequence[str]]
    ) -> DiversityComparison | None:
        """Every model's answers against another set, averaged over models for each prompt."""
        tuned: Groups = []
        theirs: Groups = []
        units: list[int] = []
        for model in models:
            texts = self._texts(model)
            for index, prompt in enumerate(self.prompts):
                if prompt in texts and len(other.get(prompt, ())) > 1:
                    tuned.append(list(texts[prompt]))
                    theirs.append(list(other[prompt]))
                    units.append(index)
        return compare_diversity(tuned, theirs, METRICS, units=units) if units else None

    def _base_is_coherent(self) -> bool:
        """Much of the variety of a base model that misses the task is incoherence."""
        values = self.track.scores(0).values()
        return bool(values) and sum(values) / len(values) >= self.limits.coherent_base

    def _texts(self, model: str) -> Mapping[str, Sequence[str]]:
        """All answers of a model: held, because every metric reads them again."""
        if model not in self._said:
            answers = self.track.of(model)
            self._said[model] = dict(answers.texts) if answers else {}
        return self._said[model]

    def _references(self) -> Mapping[str, Sequence[str]]:
        return {key: sample.ideal for key, sample in self.track.heldout.items()}

    # --- copying ---------------------------------------------------------------------

    def _copied(self, epochs: float) -> Estimate | None:
        """The share of copied answers, tuned minus base, paired by prompt."""
        if not self.track.training_texts:
            return None
        tuned = pooled([self._copy_shares(c.model) for c in self.track.at(epochs)])
        keys, ours, theirs = aligned(tuned, self._copy_shares(self.track.base))
        if not keys:
            return None
        return paired_difference(ours, theirs, clusters_of(keys, self.track.heldout))[0]

    def _copy_shares(self, model: str) -> dict[str, float]:
        texts = self._texts(model)
        keys = [key for key in self.prompts if texts.get(key)]
        shares = per_prompt_copy_rate(
            [texts[key] for key in keys],
            self.track.training_texts,
            prompts=[_asked(self.track.heldout[key]) for key in keys],
        )
        return dict(zip(keys, map(float, shares), strict=True))

    # --- what reports show -----------------------------------------------------------

    def metrics_of(self, model: str) -> dict[str, Estimate]:
        """One model's raw metrics, each a mean over prompts."""
        texts = self._texts(model)
        return {
            name: found
            for name in SHOWN
            if (found := metric_mean(name, [list(texts.get(key, ())) for key in self.prompts]))
        }

    def panels(self) -> tuple[Panel, ...]:
        """The ratio that advice reads, then each raw metric against epochs."""
        raw = (self._raw_panel(name, title) for name, (title, _) in SHOWN.items())
        return (self._ratio_panel(), *raw)

    def _ratio_panel(self) -> Panel:
        names = {name for e in self.track.epochs for name in self.after(e).comparisons}
        series = [
            Series(
                f"{LABELS[metric]} over {name}",
                "heldout" if name == "references" else "curve",
                tuple(self._ratio_points(metric, name)),
            )
            for metric in METRICS
            for name in sorted(names)
        ]
        return Panel(RATIO_TITLE, "ratio", tuple(s for s in series if s.points), RATIO_TAKEAWAY)

    def _ratio_points(self, metric: str, name: str) -> list[Point]:
        points = []
        for epoch in self.track.epochs:
            compared = self.after(epoch).comparisons.get(name)
            if compared is not None and math.isfinite(compared[metric].ratio.value):
                points.append(Point(epoch, compared[metric].ratio))
        return points

    def _raw_panel(self, name: str, title: str) -> Panel:
        points = []
        for epoch in self.track.epochs:
            groups = [
                list(self._texts(c.model).get(key, ()))
                for c in self.track.at(epoch)
                for key in self.prompts
            ]
            found = metric_mean(name, groups)
            if found is not None:
                points.append(Point(epoch, found))
        series = [Series("tuned", "heldout", tuple(points))]
        ends = (0.0, self.track.epochs[-1])
        k = self.track.spec.answers_per_prompt
        references = [list(self._references()[key])[:k] for key in self.prompts]
        for label, role, groups in (
            ("base model", "base", [list(self._texts(self.track.base)[p]) for p in self.prompts]),
            ("reference answers", "reference", references),
        ):
            found = metric_mean(name, groups) if all(len(g) == k for g in groups) else None
            if found is not None:
                level = tuple(Point(end, found) for end in ends)
                series.append(Series(label, role, level))  # type: ignore[arg-type]
        return Panel(title, "share", tuple(series), "")

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Differences in length, which every diversity metric would mistake for collapse."""
        return tuple(found for epoch in self.track.epochs if (found := self._length_finding(epoch)))

    def _length_finding(self, epoch: float) -> Finding | None:
        compared = self.after(epoch).comparisons.get("base")
        if compared is None:
            return None
        length = compared.match.length_difference
        if math.isnan(length.value) or length.low <= 0 <= length.high:
            return None
        direction = "longer" if length.value > 0 else "shorter"
        match = compared.match
        cut = max(match.truncated_a, match.truncated_b)
        dropped = max(match.dropped_a, match.dropped_b)
        return Finding(
            "answer length",
            "info",
            f"after {epoch:g} epochs answers are {abs(length.value):.1f} words {direction} than "
            f"the base model's; diversity was compared at equal length "
            f"({cut:.0%} of answers cut, {dropped:.0%} left out)",
            {"epochs": epoch, "difference_words": length.value},
        )


UNMEASURED = DiversityChange("unmeasured")
CHANGES: Mapping[str, Literal["less", "more"]] = {"less diverse": "less", "more diverse": "more"}
LABELS = {"self_bleu": "1 - self-BLEU", "distinct_2": "distinct-2"}
RATIO_TAKEAWAY = "below 0.9 the answers are less diverse than expected"


def _asked(sample: Sample) -> str:
    return "\n".join(content_text(message.get("content")) for message in sample.messages)


def metric_mean(name: str, groups: Groups) -> Estimate | None:
    """The mean over prompts where the metric is defined; None where it nowhere is."""
    values = [float(v) for v in SHOWN[name][1](groups) if not math.isnan(v)]
    return mean_interval(values, (0.0, 1.0)) if values else None


def diversity_drop(
    comparisons: Mapping[str, DiversityComparison], at_first: Estimate | None
) -> DiversityDrop | None:
    """The metric that fell most, against the lower of base and references.

    The lower of the two has the higher ratio. Without references only the base is expected.
    """
    if not comparisons:
        return None
    by_metric = {metric: _rows(comparisons, metric) for metric in METRICS}
    expected = {
        metric: max(rows.values(), key=lambda row: row.ratio.value)
        for metric, rows in by_metric.items()
        if rows
    }
    if not expected:
        return None
    metric = min(expected, key=lambda name: expected[name].ratio.value)
    rows = by_metric[metric]
    return DiversityDrop(
        metric=LABELS[metric],
        to_expected=expected[metric].ratio,
        to_base=rows["base"].ratio if "base" in rows else None,
        to_references=rows["references"].ratio if "references" in rows else None,
        at_first=at_first,
        significant=expected[metric].verdict == "less diverse",
    )


def _rows(
    comparisons: Mapping[str, DiversityComparison], metric: str
) -> dict[str, MetricComparison]:
    found = {name: compared[metric] for name, compared in comparisons.items()}
    return {name: row for name, row in found.items() if math.isfinite(row.ratio.value)}
