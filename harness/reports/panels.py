"""Reads a Panel: which lines it has, how each looks, and what a reader can look up in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.records import Estimate
from harness.reports import wording
from harness.reports.document import Panel, Point, Role, Series, Unit

RANGE = "range"
"""What the method of an estimate says whose bounds are those of several runs."""

MOST_COLUMNS = 40
"""A finer curve is read at this many places."""


# --- how a series looks --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Style:
    """The look of a line. ``ink`` names the page's colour; dashes and dots tell lines apart too."""

    ink: str
    width: float = 2.0
    dash: tuple[int, ...] = ()
    dots: bool = True
    opacity: float = 1.0
    band: bool = False


HELDOUT = Style("heldout", width=2.5, band=True)
TRAIN = Style("train", dash=(6, 4))
REFERENCE = Style("reference", dash=(8, 3, 2, 3), dots=False)
EXTRA = Style("extra", dots=False)
CURVE_OF_TRAINING = Style("train", dash=(6, 4), dots=False)
STEPS_OF_TRAINING = Style("train", width=1.2, dots=False, opacity=0.6)

STYLES: dict[Role, tuple[Style, ...]] = {
    "heldout": (HELDOUT, Style("extra", width=2.5, band=True)),
    "train": (TRAIN,),
    "base": (Style("base", width=1.5, dash=(3, 3), dots=False),),
    "reference": (REFERENCE, EXTRA),
    "seed": (Style("heldout", width=1.0, dots=False, opacity=0.45),),
    "curve": (Style("heldout", dots=False), EXTRA, REFERENCE),
    "gate": tuple(Style("fix", 1.5, dash, dots=False) for dash in ((10, 4), (2, 3), (12, 3, 2, 3))),
}
"""Looks by role; several series of one role take turns."""


LEVELS = frozenset({"base", "reference", "gate"})
"""Roles whose single point is a line across the chart."""


@dataclass(frozen=True, slots=True)
class Line:
    """A series with its look and its drawable points."""

    series: Series
    style: Style
    points: tuple[Point, ...]

    @property
    def level(self) -> bool:
        """Is it a horizontal line across the chart?"""
        return self.series.role in LEVELS and len(self.points) == 1

    @property
    def has_band(self) -> bool:
        """Are there intervals to draw around it?"""
        return self.style.band and any(wording.known_interval(p.estimate) for p in self.points)


def lines(panel: Panel) -> tuple[Line, ...]:
    """The panel's series that can be drawn, each with its look."""
    seen: dict[Role, int] = {}
    drawn = []
    for series in panel.series:
        points = tuple(p for p in series.points if math.isfinite(p.epoch + p.estimate.value))
        if points:
            drawn.append(Line(series, _style(series, seen), points))
    return tuple(drawn)


def _style(series: Series, seen: dict[Role, int]) -> Style:
    """Training curves look alike in every chart; other roles take the next look of theirs."""
    if series.role == "curve" and series.name.lower().startswith("train"):
        return STEPS_OF_TRAINING if "train" in seen else CURVE_OF_TRAINING
    turn = seen[series.role] = seen.get(series.role, -1) + 1
    return STYLES[series.role][turn % len(STYLES[series.role])]


# --- what can be looked up -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """A slice of the chart around one epoch count, as wide as its neighbours allow."""

    epoch: float
    start: float
    end: float

    def read(self, line: Line) -> Estimate | None:
        """The line's value in this slice: at the epoch itself, or the nearest one."""
        if line.level:
            return line.points[0].estimate
        inside = [p for p in line.points if self.start <= p.epoch <= self.end]
        nearest = min(inside, key=lambda p: abs(p.epoch - self.epoch), default=None)
        return nearest.estimate if nearest else None


def columns(drawn: Sequence[Line]) -> tuple[Column, ...]:
    """One column for each epoch count, thinned evenly where there are too many.

    Beside lines that were measured at some epochs, a curve of training is read there.
    """
    lasting = [line for line in drawn if not line.level]
    measured = [line for line in lasting if line.series.role != "curve"] or lasting
    epochs = sorted({p.epoch for line in measured for p in line.points})
    if len(epochs) > MOST_COLUMNS:
        step = (len(epochs) - 1) / (MOST_COLUMNS - 1)
        epochs = [epochs[round(i * step)] for i in range(MOST_COLUMNS)]
    if not epochs:
        return ()
    air = 0.06 * (epochs[-1] - epochs[0]) or 0.5
    middles = [(a + b) / 2 for a, b in pairwise(epochs)]
    places = [p.epoch for line in lasting for p in line.points]
    starts, ends = [min(places) - air, *middles], [*middles, max(places) + air]
    return tuple(map(Column, epochs, starts, ends))


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend."""

    name: str
    style: Style
    note: str = ""


def legend(panel: Panel) -> tuple[Key, ...]:
    """The panel's lines in words; seeds share one entry."""
    drawn = lines(panel)
    seeds = [line for line in drawn if line.series.role == "seed"]
    others = [line for line in drawn if line.series.role != "seed"]
    keys = [Key(line.series.name, line.style, _note(panel.unit, line)) for line in others]
    if seeds:
        keys.append(Key(wording.counted(len(seeds), "single seed"), seeds[0].style))
    return tuple(keys)


def _note(unit: Unit, line: Line) -> str:
    if line.level:
        return wording.value_in(unit, line.points[0].estimate.value)
    if not line.has_band:
        return ""
    is_range = all(RANGE in point.estimate.method for point in line.points)
    return "range of seeds" if is_range else "95% interval"


@dataclass(frozen=True, slots=True)
class Numbers:
    """A chart as a table: a row for each epoch count, a column for each line."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def numbers(panel: Panel) -> Numbers:
    """The values behind a chart, in words."""
    drawn = lines(panel)
    rows = tuple(
        (wording.plain(column.epoch), *(reading(panel.unit, line, column) for line in drawn))
        for column in columns(drawn)
    )
    return Numbers((panel.axis, *(line.series.name for line in drawn)), rows)


def reading(unit: Unit, line: Line, column: Column) -> str:
    """A line's value and interval in a column; empty where it has none."""
    estimate = column.read(line)
    return "" if estimate is None else wording.estimate_in(unit, estimate)
