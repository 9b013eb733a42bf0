"""Charts of one line of text: where values and their intervals lie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.records import Estimate

STEPS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Signs:
    """The characters that a chart is drawn with."""

    point: str
    line: str
    left: str
    right: str
    zero: str


UNICODE = Signs("●", "─", "├", "┤", "│")
ASCII = Signs("o", "-", "[", "]", "|")


@dataclass(frozen=True, slots=True)
class Scale:
    """What the two ends of a chart stand for."""

    low: float
    high: float

    def place(self, value: float, width: int) -> int:
        """The column of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(min(max(share, 0.0), 1.0) * (width - 1))


SHARES = Scale(0.0, 1.0)


def around_zero(estimates: Sequence[Estimate]) -> Scale:
    """A scale with 0 in its middle that holds every interval."""
    bounds = [abs(v) for e in estimates for v in (e.low, e.value, e.high) if math.isfinite(v)]
    reach = max([*bounds, 0.01])
    return Scale(-reach, reach)


def bar(estimate: Estimate, scale: Scale, width: int, signs: Signs = UNICODE) -> str:
    """A value and its interval, and 0 where the scale goes below it: '   │  ├──●──┤ '."""
    cells = [" "] * width
    if scale.low < 0 < scale.high:
        cells[scale.place(0, width)] = signs.zero
    if math.isfinite(estimate.low) and math.isfinite(estimate.high):
        first, last = scale.place(estimate.low, width), scale.place(estimate.high, width)
        cells[first : last + 1] = signs.line * (last - first + 1)
        if first < last:
            cells[first], cells[last] = signs.left, signs.right
    if math.isfinite(estimate.value):
        cells[scale.place(estimate.value, width)] = signs.point
    return "".join(cells)


def sparkline(values: Sequence[float], scale: Scale = SHARES) -> str:
    """A column for each value: '▁▃▇█'; a blank where it is not known."""
    return "".join(
        STEPS[scale.place(value, len(STEPS))] if math.isfinite(value) else " " for value in values
    )
