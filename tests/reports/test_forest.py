from __future__ import annotations

import math

import pytest

from harness.records import Estimate
from harness.reports.forest import WIDTH, forest


def delta(value: float, low: float, high: float) -> Estimate:
    return Estimate(value, low, high, 100, "Tango")


def test_every_mark_lies_on_the_scale_in_order():
    layout = forest([delta(0.13, 0.08, 0.19), delta(-0.02, -0.09, 0.04)])
    for mark in layout.marks:
        assert 0 <= mark.start <= mark.middle <= mark.end <= WIDTH


def test_a_difference_is_left_of_zero_exactly_when_it_is_negative():
    layout = forest([delta(0.13, 0.08, 0.19), delta(-0.06, -0.09, -0.04)])
    better, worse = layout.marks
    assert worse.end < layout.zero < better.start


def test_ticks_are_few_and_include_zero():
    for reach in (0.0, 0.004, 0.03, 0.2, 0.7, 1.0):
        ticks = forest([delta(0.0, -reach, reach)]).ticks
        assert 2 <= len(ticks) <= 6
        assert {"0", "0.0"} & {tick.label for tick in ticks}


def test_an_unbounded_interval_ends_at_the_edge():
    (mark,) = forest([delta(0.1, -math.inf, math.inf)]).marks
    assert (mark.start, mark.end) == (0, WIDTH)


@pytest.mark.parametrize("deltas", [[], [delta(math.nan, math.nan, math.nan)]])
def test_nothing_to_compare_still_has_a_scale(deltas):
    layout = forest(deltas)
    assert 0 < layout.zero < WIDTH
    assert layout.marks == (None,) * len(deltas)
