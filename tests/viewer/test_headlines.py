"""What lists say of a run is what its report says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import RunFolderError
from harness.viewer.headlines import told_by
from tests.small_run import EVAL, TUNED

EXAMPLE = Path(__file__).parents[2] / "reports" / "example" / "report.json"


def test_a_study_s_advice_leads_with_the_model_to_use() -> None:
    told = told_by(EXAMPLE)
    lines = {line.eval: line for line in told.headlines}
    orders = lines["orders.heldout.v1"]
    assert (orders.kind, orders.advice, orders.sense) == ("keep", "keep", "better")
    assert orders.sentence.startswith("Keep: ship the checkpoint of epoch")
    assert orders.before is not None
    assert orders.after is not None
    assert orders.delta is not None
    assert orders.delta.value == pytest.approx(orders.after.value - orders.before.value)
    assert lines["slogans.heldout.v1"].diversity is not None
    assert lines["slogans.heldout.v1"].seeds.startswith("seed 2; mean of 3 seeds 9")
    assert "tiny-base" in told.models


def test_a_comparison_has_a_gain_and_no_advice(small_runs: Path) -> None:
    told = told_by(small_runs / "first" / "report.json")
    (line,) = told.headlines
    assert (line.eval, line.model, line.advice, line.kind) == (EVAL, TUNED, "", None)
    assert line.delta is not None


@pytest.mark.parametrize("content", ["", "[]", "{}", "3", '{"evals": 3}', '{"title": "x"}', "\x00"])
def test_what_is_no_report_is_refused_with_a_repair(tmp_path: Path, content: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(RunFolderError, match="harness report"):
        told_by(path)


def test_a_number_that_was_not_finite_is_no_estimate(small_runs: Path, tmp_path: Path) -> None:
    report = json.loads((small_runs / "first" / "report.json").read_text())
    for compared in report["comparisons"]:
        compared["delta"]["value"] = compared["tuned_score"]["low"] = None
    (tmp_path / "report.json").write_text(json.dumps(report))
    (line,) = told_by(tmp_path / "report.json").headlines
    assert line.delta is None
    assert line.sense == "level"
    assert line.after is not None
