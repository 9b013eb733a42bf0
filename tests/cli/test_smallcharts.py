from __future__ import annotations

from math import inf, nan

import pytest

from harness.cli.smallcharts import ASCII, SHARES, Scale, around_zero, bar, sparkline
from harness.records import Estimate


def estimate(value: float, low: float, high: float) -> Estimate:
    return Estimate(value, low, high, 100, "Wilson")


def test_a_bar_shows_value_and_interval_where_they_lie() -> None:
    assert bar(estimate(0.5, 0.25, 0.75), SHARES, 9) == "  ├─●─┤  "
    assert bar(estimate(0.5, 0.25, 0.75), SHARES, 9, ASCII) == "  [-o-]  "


def test_a_bar_of_a_difference_shows_zero() -> None:
    scale = around_zero([estimate(0.3, 0.2, 0.4)])
    assert scale == Scale(-0.4, 0.4)
    assert bar(estimate(0.3, 0.2, 0.4), scale, 9) == "    │ ├●┤"


@pytest.mark.parametrize("width", [9, 10, 40])
@pytest.mark.parametrize(
    "one",
    [
        estimate(1.0, 1.0, 1.0),
        estimate(nan, nan, nan),
        estimate(0.5, -inf, inf),
        estimate(12.0, -3.0, 40.0),
        estimate(0.0, 0.0, 0.0),
    ],
)
def test_no_value_bursts_a_bar(one: Estimate, width: int) -> None:
    assert len(bar(one, SHARES, width)) == width
    assert len(bar(one, around_zero([one]), width)) == width


def test_a_sparkline_has_a_column_for_each_value() -> None:
    assert sparkline([0, 0.5, 1, nan, 2]) == "▁▅█ █"
