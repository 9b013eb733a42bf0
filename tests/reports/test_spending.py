"""Cost and latency stand in every report, and say what is not known."""

from __future__ import annotations

import dataclasses
import json

import jsonschema
import pytest

from harness.records import Latency
from harness.reports import spending
from harness.reports.document import Document, Performance, Spending
from harness.reports.html import render_html
from harness.reports.json import SCHEMA, render_json
from harness.reports.markdown import render_markdown

TOOK = Latency(0.32, 1.284, 12.4, 90)
OWN = Spending("model", "mine|<b>", None, 100, 10, 1_234_567, 5_000, 0.42, 0.05, TOOK)
JUDGE = Spending("judge", "gpt-x", None, 100, 0, 9_000, 800, None, 0.0, None)


@pytest.fixture
def told(document: Document) -> Document:
    evals = tuple(
        dataclasses.replace(one, eval=name) for one in (OWN, JUDGE) for name in ("orders", "b")
    )
    took = Performance((OWN, JUDGE), evals, 0.0123, ("2026-05", "2026-11"))
    return dataclasses.replace(document, performance=took)


def test_a_row_says_tokens_cost_savings_and_times() -> None:
    (row,) = spending.rows([OWN])
    assert row.cells == (
        "100",
        "10",
        "1,234,567",
        "5,000",
        "$0.42 ($0.05 saved)",
        "320 ms",
        "1.28 s",
        "12 s",
    )


def test_an_unknown_price_is_never_zero() -> None:
    (row,) = spending.rows([JUDGE])
    assert row.role == "judge"
    assert row.cells[4] == "no price known"
    assert row.cells[5:] == ("–", "–", "–")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0042, "4.2 ms"), (0.0384, "38 ms"), (0.9999, "1.00 s"), (9.5, "9.50 s"), (64.2, "64 s")],
)
def test_times_have_a_unit_that_fits(value: float, text: str) -> None:
    assert spending.seconds(value) == text


def test_markdown_has_the_table_and_escapes_names(told: Document) -> None:
    text = render_markdown(told)
    assert "## Cost and latency" in text
    assert "| `mine\\|<b>` | 100 | 10 | 1,234,567 |" in text
    assert "| `gpt-x` (judge) |" in text
    assert "The first answer came after 12 ms." in text
    assert "Prices as of 2026-05 and 2026-11." in text


def test_html_has_the_table_by_model_and_by_eval(told: Document) -> None:
    page = render_html(told)
    assert "Cost and latency" in page
    assert "mine|&lt;b&gt;" in page
    assert "By eval" in page
    assert "<b>" not in page.split('id="spending"')[1].split("</section>")[0].replace("<bdi", "")


def test_the_schema_knows_it(told: Document) -> None:
    report = json.loads(render_json(told))
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(report)
    assert report["performance"]["models"][1]["cost_usd"] is None
    assert report["performance"]["models"][0]["latency"]["p95_s"] == 1.284


def test_a_report_of_nothing_measured_has_no_table(document: Document) -> None:
    assert "Cost and latency" not in render_html(document)
    assert "Cost and latency" not in render_markdown(document)
    assert json.loads(render_json(document))["performance"] is None
