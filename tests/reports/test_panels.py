from __future__ import annotations

import math

import pytest

from harness.records import Estimate
from harness.reports.document import Panel, Point, Series
from harness.reports.panels import MOST_COLUMNS, columns, legend, lines, numbers


def series(name: str, role: str, *points: tuple[float, float]) -> Series:
    return Series(name, role, tuple(Point(e, Estimate(v, v, v, 9, "")) for e, v in points))


def panel(*members: Series, unit: str = "share") -> Panel:
    return Panel("Score", unit, members)


def test_points_that_are_not_finite_are_left_out():
    drawn = lines(panel(series("a", "heldout", (1, math.nan), (2, 0.5)), series("b", "train")))
    assert [len(line.points) for line in drawn] == [1]


def test_a_base_of_one_point_is_a_level_and_names_its_value():
    shown = panel(series("tuned", "heldout", (1, 0.4)), series("base", "base", (0, 0.31)))
    assert [line.level for line in lines(shown)] == [False, True]
    assert legend(shown)[1].note == "31%"


def test_two_lines_of_one_role_look_different():
    first, second = lines(panel(series("a", "heldout", (1, 0)), series("b", "heldout", (1, 0))))
    assert first.style.ink != second.style.ink


def test_training_curves_look_alike_in_every_chart():
    valid, train = lines(
        panel(series("valid", "curve", (1, 1)), series("Training loss", "curve", (1, 1)))
    )
    assert (valid.style.ink, train.style.ink) == ("heldout", "train")


def test_seeds_share_one_entry_of_the_legend():
    seeds = [series(f"seed {i}", "seed", (1, 0.5)) for i in range(3)]
    names = [key.name for key in legend(panel(series("held-out", "heldout", (1, 0.5)), *seeds))]
    assert names == ["held-out", "3 single seeds"]


def test_steps_of_training_are_thin_beside_its_epochs_and_read_at_these():
    steps = series("training, step by step", "curve", *((i / 10, 1.0) for i in range(1, 51)))
    drawn = lines(panel(series("training", "train", (1, 0.5), (5, 0.4)), steps))
    assert drawn[1].style.width < drawn[0].style.width
    found = columns(drawn)
    assert [column.epoch for column in found] == [1, 5]
    assert found[0].start < 0.1


def test_bounds_that_are_the_range_of_seeds_are_called_so():
    points = tuple(Point(e, Estimate(1, 0.9, 1.1, 3, "mean of seeds, range")) for e in (1, 2))
    (key,) = legend(panel(Series("validation", "heldout", points), unit="loss"))
    assert key.note == "range of seeds"


def test_columns_meet_halfway_between_epochs():
    found = columns(lines(panel(series("a", "heldout", (1, 0), (2, 0), (8, 0)))))
    assert [column.epoch for column in found] == [1, 2, 8]
    assert [column.end for column in found[:-1]] == [1.5, 5]
    assert [column.start for column in found[1:]] == [1.5, 5]


def test_a_single_epoch_has_a_column_of_some_width():
    (only,) = columns(lines(panel(series("a", "heldout", (3, 0)))))
    assert only.start < 3 < only.end


def test_a_long_curve_is_read_at_a_bounded_number_of_places_with_both_ends():
    points = [(i / 100, 1.0) for i in range(1, 501)]
    found = columns(lines(panel(series("loss", "curve", *points), unit="loss")))
    assert len(found) == MOST_COLUMNS
    assert (found[0].epoch, found[-1].epoch) == (0.01, 5.0)


def test_the_table_of_numbers_has_a_gap_where_a_line_has_no_value():
    table = numbers(
        panel(series("a", "heldout", (1, 0.4), (2, 0.5)), series("b", "train", (2, 0.9)))
    )
    assert table.header == ("epochs", "a", "b")
    assert table.rows == (("1", "40%", ""), ("2", "50%", "90%"))


@pytest.mark.parametrize("members", [(), (series("a", "heldout"),)])
def test_a_panel_without_points_has_nothing_to_look_up(members):
    assert columns(lines(panel(*members))) == ()
    assert numbers(panel(*members)).rows == ()
