"""Places estimates on one common scale, for a plot inside a table: differences, or shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.records import Estimate
from harness.reports import wording

WIDTH = 200.0
"""Length of the scale in pixels of the drawing."""

MOST_STEPS = 5
"""Steps between ticks that fit on the scale with their labels."""

LEAST_AIR = 0.01
"""Room on both sides: a difference of a hundredth of a point does not fill the plot."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on the scale."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """One difference: its interval from ``start`` to ``end``, its value at ``middle``."""

    start: float
    middle: float
    end: float


@dataclass(frozen=True, slots=True)
class Forest:
    """A scale with no difference at ``zero``, and a mark for each estimate (None: not finite)."""

    zero: float
    ticks: tuple[Tick, ...]
    marks: tuple[Mark | None, ...]


def forest(deltas: Sequence[Estimate]) -> Forest:
    """Lay out differences of scores; intervals without a bound end at the edge."""
    known = [v for d in deltas for v in (d.low, d.value, d.high) if -1 <= v <= 1]
    low, high = min([*known, 0.0]), max([*known, 0.0])
    air = max(0.08 * (high - low), LEAST_AIR)
    low, high = low - air, high + air

    def place(value: float) -> float:
        return round((min(max(value, low), high) - low) / (high - low) * WIDTH, 1)

    marks = tuple(
        Mark(place(_bound(d.low, low)), place(d.value), place(_bound(d.high, high)))
        if math.isfinite(d.value)
        else None
        for d in deltas
    )
    step = _step((high - low) / MOST_STEPS)
    digits = max(0, -2 - math.floor(math.log10(step)))
    turns = range(math.ceil(low / step), math.floor(high / step) + 1)
    ticks = tuple(Tick(place(i * step), wording.points(i * step, digits)) for i in turns)
    return Forest(place(0.0), ticks, marks)


def meter(share: Estimate) -> Mark | None:
    """Lay out a share on a scale from 0 to 100%; None where it is not on it."""
    if not 0 <= share.value <= 1:
        return None
    known = wording.known_interval(share)
    ends = (share.low, share.value, share.high) if known else (share.value,) * 3
    return Mark(*(round(min(max(end, 0.0), 1.0) * WIDTH, 1) for end in ends))


def _bound(value: float, edge: float) -> float:
    return edge if math.isnan(value) else value


def _step(least: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    size = 10.0 ** math.floor(math.log10(least))
    return next(times * size for times in (1, 2, 5, 10) if times * size >= least)
