from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from harness.records import Estimate
from harness.reports import charts
from harness.reports.charts import SMALL, WIDE, chart
from harness.reports.document import Document, Panel, Point, Series
from harness.reports.panels import Column


def series(name: str, role: str, *points: tuple[float, float, float, float]) -> Series:
    made = (Point(epoch, Estimate(value, low, high, 9, "")) for epoch, value, low, high in points)
    return Series(name, role, tuple(made))


def drawn(*members: Series, unit: str = "share", title: str = "Score") -> ElementTree.Element:
    return ElementTree.fromstring(chart(Panel(title, unit, members), SMALL))


def hover_texts(svg: ElementTree.Element) -> list[str]:
    return [title.text for title in svg.iter("title")]


TUNED = series("held-out", "heldout", (1, 0.4, 0.3, 0.5), (3, 0.6, 0.5, 0.7))


def test_every_epoch_has_a_hover_text_with_every_lines_value():
    svg = drawn(TUNED, series("base", "base", (0, 0.3, 0.2, 0.4)))
    assert hover_texts(svg) == [
        "after 1 epoch\nheld-out: 40% (30 to 50%)\nbase: 30% (20 to 40%)",
        "after 3 epochs\nheld-out: 60% (50 to 70%)\nbase: 30% (20 to 40%)",
    ]


def test_a_chart_says_in_words_what_it_shows():
    svg = drawn(TUNED, title="Accuracy")
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == ("Accuracy. held-out: 40% after 1 epoch, 60% after 3 epochs.")


def test_the_epoch_of_the_checkpoint_to_use_is_marked():
    panel = Panel("Score", "share", (TUNED,))
    assert "var(--keep)" in chart(panel, SMALL, chosen=3)
    for elsewhere in (None, 2, math.nan):
        assert "var(--keep)" not in chart(panel, SMALL, chosen=elsewhere)


def test_all_colours_are_the_pages_own(document: Document):
    for panel in document.sections[2].panels:
        svg = chart(panel, WIDE)
        painted = re.findall(r'(?:fill|stroke)="([^"]*)"', svg)
        assert set(painted) <= {
            f"var(--{ink})"
            for ink in ("heldout", "train", "base", "reference", "extra", "keep", "grid", "label")
        }


def test_a_chart_carries_no_style_script_or_link(document: Document):
    svg = chart(document.sections[0].panels[0], WIDE)
    tags = {element.tag for element in ElementTree.fromstring(svg).iter()}
    assert tags <= {"svg", "g", "path", "line", "text", "title"}
    assert not re.search(r"style=|href|url\(|xmlns", svg)


def test_names_cannot_leave_the_hover_text():
    name = '</title><script>x</script><a href="javascript:x">'
    svg = drawn(series(name, "heldout", (1, 0.4, 0.3, 0.5)), title=name)
    assert {element.tag for element in svg.iter()} <= {"svg", "g", "path", "line", "text", "title"}
    assert name in hover_texts(svg)[0]


def test_an_axis_of_values_that_are_never_negative_starts_no_lower_than_zero():
    svg = drawn(series("loss", "curve", (1, 2.0, 2.0, 2.0), (2, 0.01, 0.01, 0.01)), unit="loss")
    assert not any((text.text or "").startswith(("-", "−")) for text in svg.iter("text"))


@pytest.mark.parametrize(
    "points",
    [
        [(1, math.nan, 0, 1)],
        [(math.inf, 0.5, 0, 1)],
        [],
    ],
)
def test_a_panel_without_drawable_points_has_no_chart(points):
    assert chart(Panel("Score", "share", (series("a", "heldout", *points),)), SMALL) == ""


@pytest.mark.parametrize(
    "points",
    [
        [(1, 0.5, 0.5, 0.5)],
        [(1, 0.0, 0.0, 0.0), (2, 0.0, 0.0, 0.0)],
        [(1, 1.0, 1.0, 1.0), (2, 1.0, 1.0, 1.0)],
        [(1, 0.5, -math.inf, math.inf), (2, 0.6, math.nan, math.nan)],
        [(0.0001, 1e9, 0, 1e10), (25, -1e9, -1e10, 0)],
        [(2, 0.5, 0.4, 0.6), (1, 0.4, 0.3, 0.5)],
    ],
)
def test_odd_numbers_still_draw(points):
    svg = chart(Panel("Score", "ratio", (series("a", "heldout", *points),)), SMALL)
    assert "NaN" not in svg
    assert "Infinity" not in svg
    assert ElementTree.fromstring(svg).get("viewBox") == "0 0 340 210"


def test_runs_have_room_on_either_side_however_few_they_are():
    spots = (Column(1, 0.94, 1.5), Column(2, 1.5, 2.06))
    assert charts._width("runs", spots) == [0.5, 2.5]
    assert charts._width("epochs", spots) == [0.94, 2.06]
