from __future__ import annotations

import math

import pytest

from harness.records import Estimate
from harness.reports.forest import WIDTH, Mark, forest, meter


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


def test_a_share_lies_between_nothing_and_all():
    assert meter(delta(0.5, 0.25, 0.75)) == Mark(WIDTH / 4, WIDTH / 2, 3 * WIDTH / 4)
    assert meter(delta(1.0, 0.9, 1.2)) == Mark(0.9 * WIDTH, WIDTH, WIDTH)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf])
def test_what_is_no_share_has_no_place(value):
    assert meter(delta(value, value, value)) is None


def test_a_share_without_an_interval_is_a_point():
    assert meter(delta(0.5, -math.inf, math.inf)) == Mark(WIDTH / 2, WIDTH / 2, WIDTH / 2)
