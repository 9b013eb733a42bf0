"""Places estimates on one common scale, for a plot inside a table: differences, or shares."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
class Scale:
    """Differences from ``low`` to ``high`` along ``width``; what is beyond lies at the edge."""

    low: float
    high: float
    width: float

    @classmethod
    def over(cls, values: Sequence[float], width: float) -> Scale:
        """From the lowest to the highest value and 0, with room on both sides."""
        low, high = min([*values, 0.0]), max([*values, 0.0])
        air = max(0.08 * (high - low), LEAST_AIR)
        return cls(low - air, high + air, width)

    def place(self, value: float) -> float:
        """Where a value lies."""
        inside = min(max(value, self.low), self.high)
        return round((inside - self.low) / (self.high - self.low) * self.width, 1)

    def mark(self, delta: Estimate) -> Mark | None:
        """A difference and its interval; None where it is not finite."""
        if not math.isfinite(delta.value):
            return None
        low, high = _bound(delta.low, self.low), _bound(delta.high, self.high)
        return Mark(*map(self.place, (low, delta.value, high)))

    def ticks(self) -> Iterator[Tick]:
        """Round places, in points."""
        step = round_step((self.high - self.low) / MOST_STEPS)
        digits = max(0, -2 - math.floor(math.log10(step)))
        for turn in range(math.ceil(self.low / step), math.floor(self.high / step) + 1):
            yield Tick(self.place(turn * step), wording.points(turn * step, digits))


@dataclass(frozen=True, slots=True)
class Forest:
    """A scale with no difference at ``zero``, and a mark for each estimate (None: not finite)."""

    scale: Scale
    zero: float
    ticks: tuple[Tick, ...]
    marks: tuple[Mark | None, ...]


def forest(
    deltas: Sequence[Estimate], limits: Sequence[float] = (), width: float = WIDTH
) -> Forest:
    """Lay out differences of scores; intervals without a bound end at the edge.

    ``limits`` are further differences that have to lie on the scale.
    """
    bounds = (v for d in deltas for v in (d.low, d.value, d.high))
    scale = Scale.over([v for v in (*bounds, *limits) if -1 <= v <= 1], width)
    return Forest(scale, scale.place(0.0), tuple(scale.ticks()), tuple(map(scale.mark, deltas)))


def meter(share: Estimate) -> Mark | None:
    """Lay out a share on a scale from 0 to 100%; None where it is not on it."""
    if not 0 <= share.value <= 1:
        return None
    known = wording.known_interval(share)
    ends = (share.low, share.value, share.high) if known else (share.value,) * 3
    return Mark(*(round(min(max(end, 0.0), 1.0) * WIDTH, 1) for end in ends))


def _bound(value: float, edge: float) -> float:
    return edge if math.isnan(value) else value


def round_step(least: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    size = 10.0 ** math.floor(math.log10(least))
    return next(times * size for times in (1, 2, 5, 10) if times * size >= least)
