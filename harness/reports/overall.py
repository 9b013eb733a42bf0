"""Lays out every eval's difference from the base model on one scale, for one look at all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.records import Comparison
from harness.reports import wording
from harness.reports.bars import Bar, difference_bars
from harness.reports.document import Document, Section
from harness.reports.forest import Forest, Mark, forest
from harness.reports.sections import model_label, own_comparisons, story, verdict
from harness.reports.verdicts import Clarity, clarity

FULL = 100.0
"""The scale is in percent of whatever width the page has."""

MOST_LINES = 120
"""Lines of one plot; the comparisons of each eval hold the rest."""

CLEAR: dict[Clarity, str] = {
    "better": "better",
    "mixed": "better but less diverse",
    "worse": "worse",
    "level": "not clearly different",
    "unsure": "cannot be told",
}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the scale."""

    start: float
    length: float


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of the plot: an eval and the model that it compares with the base.

    ``unseen`` is where a true difference could hide from so many samples; ``bars`` are the
    places of what the gate asks. ``number`` is the eval's place in the report.
    """

    number: int
    eval: str
    model: str
    comparison: Comparison
    clarity: Clarity
    mark: Mark | None
    unseen: Span | None
    bars: tuple[float, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Overall:
    """All lines on one scale; ``takeaway`` counts them, ``omitted`` found no room."""

    forest: Forest
    lines: tuple[Difference, ...]
    takeaway: str
    omitted: int
    asked: tuple[str, ...]

    @property
    def has_unseen(self) -> bool:
        """Does any line say what would be found?"""
        return any(line.unseen for line in self.lines)


@dataclass(frozen=True, slots=True)
class _Pair:
    number: int
    section: Section
    comparison: Comparison
    bars: tuple[Bar, ...]


def overall(document: Document) -> Overall | None:
    """The plot over all evals; None where fewer than two of them compare anything."""
    pairs = list(_pairs(document))
    if len({pair.number for pair in pairs}) < 2:
        return None
    shown = pairs[:MOST_LINES]
    layout = forest([pair.comparison.delta for pair in shown], list(_limits(shown)), FULL)
    lines = tuple(_line(layout, pair) for pair in shown)
    asked = dict.fromkeys(bar.name for pair in shown for bar in pair.bars)
    return Overall(layout, lines, _takeaway(pairs), len(pairs) - len(shown), tuple(asked))


def _limits(pairs: Sequence[_Pair]) -> Iterator[float]:
    """What has to lie on the scale beside the intervals: bars, and effects that could go unseen
    unless these alone would make it longer."""
    deltas = [pair.comparison.delta for pair in pairs]
    reach = max((abs(d.value) for d in deltas if math.isfinite(d.value)), default=0.0)
    for pair in pairs:
        yield from (bar.value for bar in pair.bars)
        least = pair.comparison.detectable or 0.0
        if least <= reach:
            yield from (-least, least)


def _pairs(document: Document) -> Iterator[_Pair]:
    """Where there is advice the model to use, else every model that is compared."""
    for number, section in enumerate(document.sections, start=1):
        bars = difference_bars(document.gate, section.eval)
        for compared in _told(section):
            yield _Pair(number, section, compared, bars)


def _told(section: Section) -> Sequence[Comparison]:
    if story(section) != "advice":
        return own_comparisons(section)
    deciding = verdict(section).comparison
    return [deciding] if deciding else []


def _line(layout: Forest, pair: _Pair) -> Difference:
    compared = pair.comparison
    return Difference(
        number=pair.number,
        eval=pair.section.eval,
        model=model_label(pair.section, compared.tuned),
        comparison=compared,
        clarity=clarity(compared),
        mark=layout.scale.mark(compared.delta),
        unseen=_unseen(layout, compared),
        bars=tuple(layout.scale.place(bar.value) for bar in pair.bars),
        text=_text(pair),
    )


def _unseen(layout: Forest, compared: Comparison) -> Span | None:
    least = compared.detectable
    if least is None or not math.isfinite(least):
        return None
    start, end = layout.scale.place(-least), layout.scale.place(least)
    return Span(start, round(end - start, 1))


def _text(pair: _Pair) -> str:
    """A line for those who cannot see it, and under the pointer."""
    compared = pair.comparison
    parts = [
        f"{wording.clipped(pair.section.eval, 80)}: {wording.delta_text(compared.delta)}",
        CLEAR[clarity(compared)],
        wording.samples(compared),
        wording.detects(compared),
        *(f"the gate: {bar.name}" for bar in pair.bars),
    ]
    return "\n".join(filter(None, parts))


def _takeaway(pairs: Sequence[_Pair]) -> str:
    """'Of 3 comparisons 2 are better than base and 1 not clearly different.'"""
    found = [clarity(pair.comparison) for pair in pairs]
    told = [f"{found.count(kind)} {words}" for kind, words in CLEAR.items() if kind in found]
    return f"Of {wording.counted(len(found), 'comparison')} with base: {wording.listed(told)}."
