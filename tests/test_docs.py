"""What the docs say is what the code does."""

from __future__ import annotations

from pathlib import Path

from harness.analysis.rules import TABLE

DOCS = Path(__file__).parents[1] / "docs"


def test_the_documented_decision_table_is_the_one_that_runs() -> None:
    text = (DOCS / "advice.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and line[2].isdigit()]
    expected = [
        f"| {r.number} | {r.evidence} | {r.diagnosis} | {r.action} | {r.confidence} |"
        for r in TABLE
    ]
    assert rows == expected
