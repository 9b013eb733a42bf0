"""How varied the answers to open tasks are, at every epoch count, against what was expected."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.analysis.diversity import (
    PRIMARY,
    DiversityComparison,
    Metric,
    MetricComparison,
    compare_diversity,
    per_prompt_copy_rate,
    verdict_over,
)
from harness.analysis.diversity.metrics import title_of
from harness.analysis.evidence import DiversityDrop, less_diverse
from harness.analysis.stats import paired_difference
from harness.analysis.thresholds import DEFAULT, Thresholds
from harness.messages import content_text
from harness.pipeline.measuring.measurement import aligned, clusters_of, pooled
from harness.pipeline.measuring.raw_variety import Raw
from harness.pipeline.measuring.track import Track
from harness.records import DiversityChange, Estimate, Sample

Groups = list[list[str]]
Pair = tuple[Mapping[str, Sequence[str]], Mapping[str, Sequence[str]]]
"""The answers of a model, and those that they are compared with, by prompt."""

METRICS = PRIMARY
"""What the verdict rests on, beside semantic metrics where there are some."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Diversity and copying after some epochs."""

    drop: DiversityDrop | None
    copied: Estimate | None
    comparisons: Mapping[str, DiversityComparison]
    """By what the tuned answers were compared with: ``base``, ``references``, ``previous``."""
    expected: Mapping[str, MetricComparison]
    """By metric, against the least diverse of what is expected of the answers."""


@dataclass(slots=True)
class Variety:
    """The varied answers of one open track. Values are computed once and kept.

    ``semantic`` are metrics of embeddings, which have to confirm the lexical ones; they are
    given the matched texts. ``describes`` adds what is shown and judges nothing.
    """

    track: Track
    prompts: tuple[str, ...]
    limits: Thresholds = DEFAULT
    semantic: tuple[Metric, ...] = ()
    describes: bool = True
    _measured: dict[float, Measured] = field(default_factory=dict)
    _compared: dict[tuple[str, str], DiversityComparison | None] = field(default_factory=dict)
    _said: dict[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    _units: dict[str, str] = field(default_factory=dict)
    _raw: dict[str, Raw] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        track: Track,
        limits: Thresholds = DEFAULT,
        semantic: tuple[Metric, ...] = (),
        *,
        describes: bool = True,
    ) -> Variety | None:
        """None for tasks with one ideal answer, or where prompts have a single answer."""
        base = track.of(track.base)
        if track.spec.task != "open" or track.spec.answers_per_prompt < 2 or base is None:
            return None
        prompts = tuple(key for key in track.heldout if key in base.places)
        return cls(track, prompts, limits, semantic, describes)

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
        tuned = [self.texts(checkpoint.model) for checkpoint in self.track.at(epochs)]
        arms = {
            "base": [(texts, self.texts(self.track.base)) for texts in tuned],
            "references": [(texts, self.references()) for texts in tuned],
            "previous": self._with_previous(epochs) if self._tells_previous else [],
        }
        found = {name: self._compare(pairs) for name, pairs in arms.items()}
        comparisons = {name: compared for name, compared in found.items() if compared}
        expected = expected_rows(self._yardsticks(comparisons))
        first = self.track.epochs[0]
        at_first = self.after(first).expected if epochs > first else {}
        drop = diversity_drop(expected, self._contrasts(comparisons), at_first)
        return Measured(drop, self._copied(epochs), comparisons, expected)

    @property
    def _tells_previous(self) -> bool:
        """Is the checkpoint before named, or needed as a yardstick for want of others?"""
        has_references = any(len(texts) > 1 for texts in self.references().values())
        return self.describes or not (has_references or self.base_is_coherent)

    def _with_previous(self, epochs: float) -> list[Pair]:
        """Every seed's answers with those of its checkpoint before."""
        earlier = [e for e in self.track.epochs if e < epochs]
        before = {c.seed: c.model for c in self.track.at(earlier[-1])} if earlier else {}
        return [
            (self.texts(checkpoint.model), self.texts(before[checkpoint.seed]))
            for checkpoint in self.track.at(epochs)
            if checkpoint.seed in before
        ]

    def _yardsticks(
        self, comparisons: Mapping[str, DiversityComparison]
    ) -> list[DiversityComparison]:
        """What tells how varied answers should be: the references, and a base model that does
        the task; where there is neither, the checkpoint before."""
        named = ("references", *(["base"] if self.base_is_coherent else []))
        found = [comparisons[name] for name in named if name in comparisons]
        return found or [comparisons[name] for name in ("previous",) if name in comparisons]

    def _contrasts(
        self, comparisons: Mapping[str, DiversityComparison]
    ) -> dict[str, DiversityComparison]:
        """What evidence names: all but a base model that is no yardstick."""
        return {
            name: compared
            for name, compared in comparisons.items()
            if name != "base" or self.base_is_coherent
        }

    def against(self, model: str, than: str) -> DiversityComparison | None:
        """One model alone against ``base`` or ``references``, if these have answers."""
        if (model, than) not in self._compared:
            arm = self.texts(self.track.base) if than == "base" else self.references()
            self._compared[model, than] = self._compare([(self.texts(model), arm)], across=False)
        return self._compared[model, than]

    def change_of(self, model: str) -> DiversityChange:
        """One model's variety against the base model's, or, where that is no yardstick (see
        `base_is_coherent`), against the references'.

        The ratio is that of the metric that may have fallen furthest; with embeddings, that of
        words or that of meanings, whichever fell less: the one has to confirm the other.
        """
        than = "base" if self.base_is_coherent else "references"
        compared = self.against(model, than)
        rows = rows_that_vary(judged_rows(compared)) if compared else []
        if compared is None or not rows:
            return UNMEASURED
        row = max(lowest_of_each_kind(rows), key=lambda row: row.ratio.low)
        level = row.ratio.low >= self.limits.less_diverse
        verdict = CHANGES.get(compared.verdict) or ("level" if level else "unclear")
        return DiversityChange(verdict, row.ratio, label(row.metric), YARDSTICKS[than])

    def _compare(
        self, pairs: Iterable[Pair], *, across: bool | None = None
    ) -> DiversityComparison | None:
        """Answers against others, averaged over the pairs (models) for each prompt or document."""
        tuned: Groups = []
        theirs: Groups = []
        units: list[str] = []
        for texts, other in pairs:
            for prompt in self.prompts:
                if prompt in texts and len(other.get(prompt, ())) > 1:
                    tuned.append(list(texts[prompt]))
                    theirs.append(list(other[prompt]))
                    units.append(self._documents[prompt])
        if not units:
            return None
        return compare_diversity(
            tuned,
            theirs,
            (*METRICS, *self.semantic),
            across=self.describes if across is None else across,
            less_diverse=self.limits.less_diverse,
            units=units,
        )

    @property
    def base_is_coherent(self) -> bool:
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
        """The ideal answers of every prompt: held, too."""
        if REFERENCES not in self._said:
            held = {key: sample.ideal for key, sample in self.track.heldout.items()}
            self._said[REFERENCES] = held
        return self._said[REFERENCES]

    def raw(self, model: str) -> Raw:
        """What a model's answers to each prompt measure as they came."""
        if model not in self._raw:
            texts = self.texts(model)
            self._raw[model] = Raw.of([list(texts.get(key, ())) for key in self.prompts])
        return self._raw[model]

    def raw_references(self, k: int) -> Raw:
        """What the first ``k`` reference answers to each prompt measure."""
        if REFERENCES not in self._raw:
            ideal = self.references()
            self._raw[REFERENCES] = Raw.of([list(ideal[key])[:k] for key in self.prompts])
        return self._raw[REFERENCES]

    @property
    def _documents(self) -> Mapping[str, str]:
        """What each prompt is counted as: itself, or the document that several share."""
        if not self._units:
            found = {key: sample.cluster or key for key, sample in self.track.heldout.items()}
            self._units.update(found)
        return self._units

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


REFERENCES = ""
"""Stands for the reference answers where models have a name."""

UNMEASURED = DiversityChange("unmeasured")
CHANGES: Mapping[str, Literal["less", "more"]] = {"less diverse": "less", "more diverse": "more"}
YARDSTICKS = {"base": "base", "references": "the references"}


def label(metric: str) -> str:
    """What a metric is called where higher means more diverse."""
    return title_of(metric, turned=True)


def _asked(sample: Sample) -> str:
    return "\n".join(content_text(message.get("content")) for message in sample.messages)


def judged_rows(compared: DiversityComparison) -> list[MetricComparison]:
    """The metrics that count for the verdict and have a ratio."""
    return [row for row in compared.metrics if row.is_judged and math.isfinite(row.ratio.value)]


def rows_that_vary(rows: Iterable[MetricComparison]) -> list[MetricComparison]:
    """Those whose values differ at all, if any do: no duplicates anywhere tell nothing."""
    found = list(rows)
    return [row for row in found if row.detectable is not None] or found


def lowest_of_each_kind(rows: Sequence[MetricComparison]) -> list[MetricComparison]:
    """Of metrics of words, and of meanings if there are some, that which may be lowest."""
    kinds = {row.kind: [other for other in rows if other.kind == row.kind] for row in rows}
    return [min(alike, key=lambda row: row.ratio.low) for alike in kinds.values()]


def expected_rows(yardsticks: Iterable[DiversityComparison]) -> dict[str, MetricComparison]:
    """By metric the comparison with the least diverse yardstick: that of the highest ratio."""
    found: dict[str, MetricComparison] = {}
    for row in (row for compared in yardsticks for row in judged_rows(compared)):
        if row.metric not in found or row.ratio.value > found[row.metric].ratio.value:
            found[row.metric] = row
    return found


def diversity_drop(
    expected: Mapping[str, MetricComparison],
    comparisons: Mapping[str, DiversityComparison],
    at_first: Mapping[str, MetricComparison],
) -> DiversityDrop | None:
    """The metric that fell most against what was expected, of those that show a loss if any do.

    ``comparisons`` are those that evidence names, ``at_first`` is what was expected at the
    first checkpoint.
    """
    if not expected:
        return None
    significant = verdict_over(tuple(expected.values())) == "less diverse"
    losses = [row for row in expected.values() if row.verdict == "less diverse"]
    among = losses if significant else rows_that_vary(expected.values())
    row = min(among, key=lambda row: row.ratio.value)
    to = {name: compared[row.metric].ratio for name, compared in comparisons.items()}
    to = {name: ratio for name, ratio in to.items() if math.isfinite(ratio.value)}
    return DiversityDrop(
        metric=label(row.metric),
        to_expected=row.ratio,
        to_base=to.get("base"),
        to_references=to.get("references"),
        to_previous=to.get("previous"),
        at_first=at_first[row.metric].ratio if row.metric in at_first else None,
        significant=significant,
    )
