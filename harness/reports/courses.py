"""Says in a sentence what a chart of scores or of training curves shows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.reports import wording
from harness.reports.document import Panel, Point, Series, Unit

SEEN = 0.01
"""Curves that end this near to their best, as a share of their range, end at it."""


def score_takeaway(panel: Panel) -> str:
    """'Held-out is highest after 5 epochs: 81% (74 to 87%); base model 48%.'"""
    heldout = _named(panel, "heldout")
    if not heldout:
        return ""
    base = _named(panel, "base")
    beside = f"; base model {wording.value_in(panel.unit, base[0].estimate.value)}" if base else ""
    tuned = [point for point in heldout if point.epoch > 0]
    if not tuned:
        return ""
    best = max(tuned, key=lambda point: point.estimate.value)
    told = wording.estimate_in(panel.unit, best.estimate)
    if len(tuned) == 1:
        return f"Held-out {wording.after(best.epoch)}: {told}{beside}."
    last = ", the last one measured" if best.epoch == tuned[-1].epoch else ""
    return f"Held-out is highest {wording.after(best.epoch)}{last}: {told}{beside}."


def curve_takeaway(panel: Panel, *, low_is_good: bool) -> str:
    """'Training falls from 2.1 to 0.12. Validation is lowest after 3 epochs, 0.45, and ...'"""
    parts = [_course(panel.unit, series, low_is_good) for series in panel.series]
    return " ".join(filter(None, parts))


def _course(unit: Unit, series: Series, low_is_good: bool) -> str:
    points = [p for p in series.points if math.isfinite(p.estimate.value + p.epoch)]
    if not points:
        return ""
    name, (first, last) = wording.capitalized(series.name), (points[0], points[-1])
    start, end = (wording.value_in(unit, point.estimate.value) for point in (first, last))
    if len(points) == 1:
        return f"{name} is {end} {wording.after(last.epoch)}."
    best = _best(points, low_is_good)
    values = [point.estimate.value for point in points]
    gone = abs(last.estimate.value - best.estimate.value) / (max(values) - min(values) or 1.0)
    if best is first and gone > SEEN:
        return f"{name} {'rises' if low_is_good else 'falls'} from {start} to {end}."
    if gone <= SEEN:
        if start == end:
            return f"{name} stays at {end}."
        return f"{name} {'falls' if low_is_good else 'rises'} from {start} to {end}."
    peak = wording.value_in(unit, best.estimate.value)
    what = "lowest" if low_is_good else "highest"
    return f"{name} is {what} {wording.after(best.epoch)}, {peak}, and ends at {end}."


def _best(points: Sequence[Point], low_is_good: bool) -> Point:
    choose = min if low_is_good else max
    return choose(points, key=lambda point: point.estimate.value)


def _named(panel: Panel, role: str) -> tuple[Point, ...]:
    """The finite points of the first line of a role."""
    for series in panel.series:
        if series.role == role:
            return tuple(p for p in series.points if math.isfinite(p.estimate.value + p.epoch))
    return ()
