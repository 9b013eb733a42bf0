"""Lays out how each field of an extraction is scored, the base model beside the tuned one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from harness.records import Estimate
from harness.reports import wording
from harness.reports.document import FIELD, Result, Section
from harness.reports.sections import model_label, model_title, own_comparisons, story, verdict

FULL = 100.0
"""Places are in percent of whatever width the page has, and so are scores."""

MOST_FIELDS = 24
"""Fields of one plot, the lowest first; the table of all metrics holds the rest."""

MOST_MODELS = 4

ROOM = 2.0
"""What a dot takes to either side, in percent of a narrow plot."""

NAME_LIMIT = 60

LANES: Mapping[int, tuple[str, ...]] = {
    1: ("heldout",),
    2: ("base", "heldout"),
    3: ("base", "heldout", "train"),
    4: ("base", "heldout", "train", "reference"),
}
"""The inks of the models, the base model's first."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One model's score of a field: its interval from ``start`` to ``end``, at a height ``y``."""

    ink: str
    start: float
    middle: float
    end: float
    y: float


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One field with every model's score; ``text`` says them all."""

    name: str
    dots: tuple[Dot, ...]
    values: str
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A model in the legend."""

    title: str
    ink: str


@dataclass(frozen=True, slots=True)
class Fields:
    """All fields on one scale from 0 to 100%."""

    models: tuple[Shown, ...]
    lines: tuple[FieldLine, ...]
    takeaway: str
    omitted: int


def fields(section: Section) -> Fields | None:
    """The plot; None where there are no fields, or no second model to set beside the first."""
    results = _compared(section)
    last = results[-1].metrics if results else {}
    names = [n for n in last if n.startswith(FIELD) and math.isfinite(last[n].value)]
    if len(results) < 2 or not names:
        return None
    names.sort(key=lambda name: last[name].value)
    shown = names[:MOST_FIELDS]
    inks = LANES[len(results)]
    return Fields(
        models=tuple(
            Shown(model_title(section, result.model), ink)
            for result, ink in zip(results, inks, strict=True)
        ),
        lines=tuple(_line(section, results, name) for name in shown),
        takeaway=_takeaway(section, results, names),
        omitted=len(names) - len(shown),
    )


def _compared(section: Section) -> list[Result]:
    """The base model, and the model to use or those that are compared."""
    if story(section) == "advice":
        deciding = verdict(section).comparison
        tuned = [deciding.tuned] if deciding else []
    else:
        tuned = [compared.tuned for compared in own_comparisons(section)]
    by_model = {result.model: result for result in section.results}
    wanted = (section.base, *tuned[: MOST_MODELS - 1])
    return [by_model[model] for model in wanted if model in by_model]


def _line(section: Section, results: Sequence[Result], name: str) -> FieldLine:
    known = [
        (at, model_label(section, result.model), result.metrics[name])
        for at, result in enumerate(results)
        if name in result.metrics and math.isfinite(result.metrics[name].value)
    ]
    title = wording.clipped(name.removeprefix(FIELD), NAME_LIMIT)
    told = (f"{label}: {wording.estimate_in('share', found)}" for _, label, found in known)
    between = " → " if len(results) == 2 else " · "
    return FieldLine(
        name=title,
        dots=_side_by_side([_dot(found, at, len(results)) for at, _, found in known]),
        values=between.join(wording.percent(found.value) for _, _, found in known),
        text="\n".join([f"field {title}", *told]),
    )


def _dot(found: Estimate, at: int, lanes: int) -> Dot:
    interval = wording.known_interval(found)
    ends = (found.low, found.value, found.high) if interval else (found.value,) * 3
    start, middle, end = (round(FULL * min(max(bound, 0.0), 1.0), 1) for bound in ends)
    return Dot(LANES[lanes][at], start, middle, end, round(FULL * (at + 1) / (lanes + 1), 1))


def _side_by_side(dots: Sequence[Dot]) -> tuple[Dot, ...]:
    """The same dots, all on one line where they leave each other room."""
    ends = sorted(
        (min(dot.start, dot.middle - ROOM), max(dot.end, dot.middle + ROOM)) for dot in dots
    )
    if any(end > start for (_, end), (start, _) in pairwise(ends)):
        return tuple(dots)
    return tuple(replace(dot, y=FULL / 2) for dot in dots)


def _takeaway(section: Section, results: Sequence[Result], names: Sequence[str]) -> str:
    """'Worst field after 5 epochs: city, 84% (77 to 89%). Lower than with base: none.'"""
    base, last = results[0].metrics, results[-1]
    label, worst = model_label(section, last.model), last.metrics[names[0]]
    if worst.value == 1:
        return f"All {wording.counted(len(names), 'field')} are right in every sample {label}."
    told = wording.estimate_in("share", worst)
    parts = [f"Worst field {label}: {_plain(names[0])}, {told}."]
    fell = [name for name in names if name in base and last.metrics[name].value < base[name].value]
    if fell:
        most = min(fell, key=lambda name: last.metrics[name].value - base[name].value)
        ends = (base[most].value, last.metrics[most].value)
        course = " → ".join(map(wording.percent, ends))
        count = wording.counted(len(fell), "field")
        are = "is" if len(fell) == 1 else "are"
        most_of_all = f"{_plain(most)} ({course})"
        named = most_of_all if len(fell) == 1 else f"most of all {most_of_all}"
        parts.append(f"{count} {are} lower than with base: {named}.")
    return " ".join(parts)


def _plain(name: str) -> str:
    return wording.clipped(name.removeprefix(FIELD), NAME_LIMIT)
