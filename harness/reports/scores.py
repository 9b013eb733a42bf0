"""Reads a Section's scores and puts them into words: the eval's own, further ones, fields."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.records import Comparison, Estimate
from harness.reports import wording
from harness.reports.document import FIELD, SCORE, Exclusion, Miss, Result, Section, Unit
from harness.reports.forest import Mark, meter

MOST_TOLD = 4
"""Further metrics that a line of text names; the report's table holds the rest."""

CHOICE = "choice/"
INVALID = "__invalid__"
NO_CHOICE = "no choice in the judgement"
NAME_LIMIT = 60
EXAMPLE_LIMIT = 200

NAMES: Mapping[str, str] = {
    "f1": "F1",
    "f1_score": "token F1",
    "parsed": "parsed as JSON",
    "self_bleu": "self-BLEU",
    "distinct_2": "distinct-2",
    "distinct_4": "distinct-4",
    "distinct_k": "really different answers",
    "vendi": "Vendi score of words",
    "duplicate_rate": "duplicate answers",
    "embedding_vendi": "different meanings",
    "embedding_dissimilarity": "distance of meanings",
    "good_and_different": "good and different answers",
    "utility": "utility",
    "refusal_share": "refusals",
    "format": "format compliance",
    "good": "acceptable answers",
    "metascore": "agreement with people",
}
"""What people call a metric; others go by their own names."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One number under the name that people know it by; ``key`` is its name in the data."""

    key: str
    name: str
    unit: Unit
    estimate: Estimate

    @property
    def value(self) -> str:
        """The number alone: '81%'."""
        return wording.value_in(self.unit, self.estimate.value)

    @property
    def bounds(self) -> str:
        """The interval alone: '75 to 86%'; empty where there is none."""
        return wording.interval_in(self.unit, self.estimate)

    @property
    def mark(self) -> Mark | None:
        """Its place on a scale from 0 to 100%; None for what is no share."""
        return meter(self.estimate) if self.unit == "share" else None

    @property
    def text(self) -> str:
        """'F1 81% (75 to 86%)'."""
        return f"{self.name} {wording.estimate_in(self.unit, self.estimate)}"


@dataclass(frozen=True, slots=True)
class Scores:
    """One model's numbers on one eval: its own score, further metrics, fields (lowest first).

    ``own`` is None where no sample has a mark.
    """

    model: str
    own: Metric | None
    further: tuple[Metric, ...]
    fields: tuple[Metric, ...]
    excluded: int

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """All of them, the own one first."""
        return (*([self.own] if self.own else ()), *self.further, *self.fields)

    @property
    def flawless(self) -> bool:
        """Has every sample with a mark the full one, and most samples a mark?"""
        full = self.own is not None and self.own.unit == "share" and self.own.estimate.value == 1
        return full and self.excluded <= self.n

    @property
    def n(self) -> int:
        """Samples with a mark."""
        shown = self.metrics
        return shown[0].estimate.n if shown else 0


def scores(section: Section, result: Result) -> Scores:
    """Sort a result's metrics by what they say."""
    own = next((name for name in (section.metric, SCORE) if name in result.metrics), None)
    rest = [name for name in result.metrics if name != own]
    fields = [metric_of(section, result, name) for name in rest if name.startswith(FIELD)]
    return Scores(
        model=result.model,
        own=metric_of(section, result, own) if own is not None else None,
        further=tuple(metric_of(section, result, n) for n in rest if not n.startswith(FIELD)),
        fields=tuple(sorted(fields, key=_height)),
        excluded=result.excluded,
    )


def metric_of(section: Section, result: Result, name: str) -> Metric:
    """One of a result's metrics."""
    unit = result.units.get(name, "share")
    return Metric(name, metric_name(section, name), unit, result.metrics[name])


def metric_name(section: Section, name: str) -> str:
    """A metric's name in words; the eval's own score has the name that its section gives it."""
    if name.startswith(CHOICE):
        choice = name.removeprefix(CHOICE)
        return wording.shortened(NO_CHOICE if choice == INVALID else f"picked {choice}", NAME_LIMIT)
    known = section.metric if name == SCORE else NAMES.get(name, name.removeprefix(FIELD))
    return wording.shortened(known, NAME_LIMIT)


def _height(metric: Metric) -> float:
    value = metric.estimate.value
    return value if math.isfinite(value) else math.inf


def all_scores(section: Section) -> tuple[Scores, ...]:
    """The scores of every model."""
    return tuple(scores(section, result) for result in section.results)


# --- in words ------------------------------------------------------------------------


def sentence(found: Scores) -> str:
    """'accuracy 81% (75 to 86%); 138 samples, 4 excluded', without a full stop."""
    if found.own is None:
        out = f"{found.excluded:,} excluded"
        told = wording.sampled(found.n, found.excluded) if found.n else out
        return f"{unscored(found)}; {told}"
    if found.excluded > found.n:
        total = wording.counted(found.n + found.excluded, "sample")
        out = f"{found.excluded:,} of {total} are excluded"
        return f"cannot tell: {out}; on the others {found.own.text}"
    return f"{found.own.text}; {wording.sampled(found.n, found.excluded)}"


def unscored(found: Scores) -> str:
    """What there is instead of a score: counted choices, or nothing."""
    return "choices without scores" if found.n else "no sample has a mark"


def further_text(found: Scores) -> str:
    """'F1 22%, precision 25%, 4 fields from 3% (city) to 82% (day)'; empty where there are none."""
    told = [f"{metric.name} {metric.value}" for metric in found.further[:MOST_TOLD]]
    if len(found.further) > MOST_TOLD:
        told.append(f"{len(found.further) - MOST_TOLD} more")
    return ", ".join(filter(None, (*told, fields_text(found.fields))))


def fields_text(fields: Sequence[Metric]) -> str:
    """'4 fields from 3% (city) to 82% (day)'."""
    if not fields:
        return ""
    low, high = fields[0], fields[-1]
    if len(fields) == 1:
        return f"field {low.name} {low.value}"
    if low.value == high.value:
        return f"{len(fields):,} fields, all {low.value}"
    return f"{len(fields):,} fields from {low.value} ({low.name}) to {high.value} ({high.name})"


def chance_text(compared: Comparison) -> str:
    """'p = .003; 18 fixed, 7 broken'."""
    chance = wording.p_value(compared.p_value)
    if compared.fixed is None or compared.broken is None:
        return chance
    return f"{chance}; {compared.fixed:,} fixed, {compared.broken:,} broken"


def course_text(compared: Comparison) -> str:
    """'48% → 56%'."""
    ends = (compared.base_score.value, compared.tuned_score.value)
    return " → ".join(map(wording.percent, ends))


def mark_text(miss: Miss) -> str:
    """'Wrong', or how much of it was right."""
    if not 0 < miss.mark < 1:
        return "Wrong"
    return f"Partly right, {wording.percent(miss.mark)}"


def misses_text(section: Section) -> str:
    """'38 of 40 samples', as far as the section knows how many there are."""
    wrong = len(section.misses) + section.misses_omitted
    marked = max((found.n for found in all_scores(section)), default=0)
    if marked < wrong:
        return wording.counted(wrong, "sample")
    return f"{wrong:,} of {wording.counted(marked, 'sample')}"


def exclusion_text(exclusion: Exclusion) -> str:
    """'3 samples unreachable: no answer within 60 s'."""
    example = wording.shortened(exclusion.example, EXAMPLE_LIMIT)
    return f"{wording.counted(exclusion.count, 'sample')} {kind_text(exclusion)}: {example}"


def kind_text(exclusion: Exclusion) -> str:
    """Why there is no mark, in words: 'no mark', 'rate limited'."""
    return wording.shortened(exclusion.kind.replace("_", " "), NAME_LIMIT)
