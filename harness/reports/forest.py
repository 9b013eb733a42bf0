"""Places paired differences on one common scale, for a forest plot inside a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.records import Estimate
from harness.reports import wording

WIDTH = 200.0
"""Length of the scale in pixels of the drawing."""

STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)
MOST_TICKS = 4


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
    known = [v for d in deltas for v in (d.low, d.value, d.high) if math.isfinite(v)]
    low, high = min([*known, 0.0]), max([*known, 0.0])
    air = 0.08 * (high - low) or 0.05
    low, high = low - air, high + air

    def place(value: float) -> float:
        return round((min(max(value, low), high) - low) / (high - low) * WIDTH, 1)

    marks = tuple(
        Mark(place(_bound(d.low, low)), place(d.value), place(_bound(d.high, high)))
        if math.isfinite(d.value)
        else None
        for d in deltas
    )
    ticks = tuple(Tick(place(v), wording.points(v, _digits(high - low))) for v in _ticks(low, high))
    return Forest(place(0.0), ticks, marks)


def _bound(value: float, edge: float) -> float:
    return edge if math.isnan(value) else value


def _digits(reach: float) -> int:
    return 0 if reach > 0.03 else 1


def _ticks(low: float, high: float) -> list[float]:
    """Round values that include 0 and are few enough to label."""
    step = next((s for s in STEPS if (high - low) / s <= MOST_TICKS), STEPS[-1])
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
