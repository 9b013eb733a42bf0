from __future__ import annotations

import math

import pytest

from harness.records import Estimate
from harness.reports.courses import curve_takeaway, score_takeaway
from harness.reports.document import Panel, Point, Series


def series(name: str, role: str, *points: tuple[float, float]) -> Series:
    return Series(name, role, tuple(Point(e, Estimate(v, v, v, 9, "")) for e, v in points))


def score(*points: tuple[float, float]) -> Panel:
    held = Series(
        "held-out",
        "heldout",
        tuple(Point(e, Estimate(v, v - 0.05, v + 0.05, 9, "")) for e, v in points),
    )
    return Panel("Score", "share", (held, series("base model", "base", (0, 0.48), (8, 0.48))))


def test_the_best_epoch_is_named_with_its_score_and_the_bases():
    told = score_takeaway(score((0, 0.48), (5, 0.81), (8, 0.7)))
    assert told == "Held-out is highest after 5 epochs: 81% (76 to 86%); base model 48%."


def test_a_best_epoch_that_is_the_last_one_is_called_so():
    assert "after 5 epochs, the last one measured: 81%" in score_takeaway(
        score((3, 0.7), (5, 0.81))
    )


def test_one_epoch_count_is_not_the_highest_of_anything():
    told = score_takeaway(score((3, 0.7)))
    assert told == "Held-out after 3 epochs: 70% (65 to 75%); base model 48%."


@pytest.mark.parametrize("points", [[], [(0, 0.5)], [(3, math.nan)]])
def test_without_a_tuned_score_nothing_is_said(points):
    assert score_takeaway(score(*points)) == ""


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((2.1, 1.0, 0.12), "Loss falls from 2.10 to 0.120."),
        ((2.1, 0.45, 0.61), "Loss is lowest after 2 epochs, 0.450, and ends at 0.610."),
        ((0.4, 0.5, 0.6), "Loss rises from 0.400 to 0.600."),
        ((0.4, 0.4, 0.4), "Loss stays at 0.400."),
        ((0.4,), "Loss is 0.400 after 1 epoch."),
        ((math.nan,), ""),
    ],
)
def test_a_loss_is_told_by_where_it_is_lowest(values, told):
    line = series("loss", "heldout", *enumerate(values, start=1))
    assert curve_takeaway(Panel("Loss", "loss", (line,)), low_is_good=True) == told


def test_an_accuracy_is_told_by_where_it_is_highest():
    line = series("validation", "heldout", (1, 0.7), (2, 0.9), (3, 0.8))
    told = curve_takeaway(Panel("Token accuracy", "share", (line,)), low_is_good=False)
    assert told == "Validation is highest after 2 epochs, 90%, and ends at 80%."
