"""How varied the answers to open tasks are, at every epoch count, against what was expected."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.analysis.diversity import (
    DiversityComparison,
    MetricComparison,
    compare_diversity,
    per_prompt_copy_rate,
)
from harness.analysis.evidence import DiversityDrop, less_diverse
from harness.analysis.stats import paired_difference
from harness.analysis.thresholds import DEFAULT, Thresholds
from harness.messages import content_text
from harness.pipeline.measurement import aligned, clusters_of, pooled
from harness.pipeline.track import Track
from harness.records import DiversityChange, Estimate, Finding, Sample

Groups = list[list[str]]

METRICS = ("self_bleu", "distinct_2")
"""What the verdict rests on: how much answers share, and how many pairs of words are new."""


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
        arms = {"base": self.texts(self.track.base), "references": self.references()}
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
        than, arm = "the references", self.references()
        if self._base_is_coherent():
            than, arm = "base", self.texts(self.track.base)
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
            texts = self.texts(model)
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

    def texts(self, model: str) -> Mapping[str, Sequence[str]]:
        """All answers of a model: held, because every metric reads them again."""
        if model not in self._said:
            answers = self.track.of(model)
            self._said[model] = dict(answers.texts) if answers else {}
        return self._said[model]

    def references(self) -> Mapping[str, Sequence[str]]:
        """The ideal answers of every prompt."""
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
        texts = self.texts(model)
        keys = [key for key in self.prompts if texts.get(key)]
        shares = per_prompt_copy_rate(
            [texts[key] for key in keys],
            self.track.training_texts,
            prompts=[_asked(self.track.heldout[key]) for key in keys],
        )
        return dict(zip(keys, map(float, shares), strict=True))

    # --- what reports say of it -----------------------------------------------------

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


def _asked(sample: Sample) -> str:
    return "\n".join(content_text(message.get("content")) for message in sample.messages)


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
