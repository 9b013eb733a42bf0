from __future__ import annotations

import dataclasses

import pytest

from harness.records import Check, Gate, Rule
from harness.reports.bars import difference_bars, score_bars, with_bars
from harness.reports.charts import SMALL, chart
from harness.reports.document import Document, Section
from harness.reports.html import render_html
from harness.reports.panels import legend


def check(demand: str, limit: float, eval: str = "orders", **rule) -> Check:
    unit = rule.pop("unit", "share")
    base = None if demand == "floor" else "small-base"
    return Check(eval, Rule(demand, eval, limit, **rule), "m", "pass", base=base, unit=unit)


def gate(*checks: Check) -> Gate:
    return Gate("ready", "pass", checks)


@pytest.fixture
def orders(document: Document) -> Section:
    return document.sections[0]


def test_a_floor_and_places_beside_the_base_are_lines_of_the_score(orders):
    asked = gate(check("floor", 0.8), check("non_inferior", 0.02), check("gain", 0.05))
    bars = score_bars(asked, orders)
    assert [(bar.name, round(bar.value, 3)) for bar in bars] == [
        ("gate: floor", 0.8),
        ("gate: base less 2 points", 0.46),
        ("gate: base plus 5 points", 0.53),
    ]


def test_margins_are_lines_of_the_difference(orders):
    asked = gate(check("floor", 0.8), check("non_inferior", 0.02), check("gain", 0.05))
    assert [bar.value for bar in difference_bars(asked, "orders")] == [-0.02, 0.05]


@pytest.mark.parametrize(
    "other",
    [
        check("floor", 0.8, eval="tickets"),
        check("floor", 0.8, metric="f1"),
        check("ceiling", 0.1, metric="failure_share"),
        check("floor", 12, unit="count"),
        check("non_inferior", 0.6),
        check("non_inferior", 0.02, lower_is_better=True),
    ],
)
def test_what_is_not_asked_of_the_score_or_is_beyond_it_is_no_line(orders, other):
    assert score_bars(gate(other), orders) == ()


def test_without_a_gate_there_are_no_lines(orders):
    panel = orders.panels[0]
    assert with_bars(panel, None, orders) == panel


def test_the_line_is_drawn_across_the_chart_and_named_in_the_legend(orders):
    panel = with_bars(orders.panels[0], gate(check("floor", 0.8)), orders)
    assert ("gate: floor", "80%") in [(key.name, key.note) for key in legend(panel)]
    assert "var(--fix)" in chart(panel, SMALL)
    assert "gate: floor: 80%" in chart(panel, SMALL)


def test_the_page_shows_the_gates_line(document: Document):
    asked = dataclasses.replace(document, gate=gate(check("floor", 0.8)))
    assert "gate: floor" in render_html(asked)
    assert "gate: floor" not in render_html(document)
