from __future__ import annotations

import pytest

from harness.pipeline.measuring.measurement import Answers
from harness.pipeline.measuring.metrics import metrics_of, units_of
from harness.records import Completion, Outcome, Score


def answers(*marks: tuple[str, float, dict[str, float]]) -> Answers:
    table = Answers("e", "m")
    for sample, value, details in marks:
        score = {"accuracy": Score(value, details=details)}
        table.add(Outcome("e", "m", sample, 0, "k", completion=Completion("a"), scores=score))
    return table


def counts(tp: float, fp: float, fn: float) -> dict[str, float]:
    return {"parsed": 1.0, "tp": tp, "fp": fp, "fn": fn, "field:city": float(tp > 0)}


EXTRACTED = (("a", 1.0, counts(4, 0, 0)), ("b", 0.0, counts(2, 2, 2)), ("c", 0.0, counts(0, 0, 4)))


def test_counts_of_fields_become_precision_recall_and_f1() -> None:
    metrics = metrics_of(answers(*EXTRACTED))
    assert list(metrics) == ["accuracy", "f1", "precision", "recall", "parsed", "field:city"]
    assert metrics["precision"].value == 6 / 8
    assert metrics["recall"].value == 6 / 12
    assert metrics["f1"].value == pytest.approx(12 / 20)
    assert metrics["field:city"].value == pytest.approx(2 / 3)
    assert all(e.low <= e.value <= e.high and e.n == 3 for e in metrics.values())


def test_repeats_of_a_sample_are_one_observation_of_its_fields() -> None:
    twice = metrics_of(answers(*EXTRACTED, *EXTRACTED))
    assert twice["f1"] == metrics_of(answers(*EXTRACTED))["f1"]


def test_a_share_of_nothing_is_left_out() -> None:
    metrics = metrics_of(answers(("a", 0.0, counts(0, 0, 3))))
    assert "precision" not in metrics
    assert metrics["recall"].value == 0


def test_answers_without_any_mark_have_no_metrics() -> None:
    assert metrics_of(Answers("e", "m")) == {}
    assert units_of(Answers("e", "m")) == {}


def test_a_detail_called_tp_alone_is_a_number_of_its_own() -> None:
    assert metrics_of(answers(("a", 1.0, {"tp": 3.0})))["tp"].value == 3


def test_only_numbers_outside_0_to_1_have_a_unit() -> None:
    table = answers(("a", 1.0, {"words": 12.0, "f1_score": 0.5}), ("b", 0.0, {"words": 0.0}))
    assert units_of(table) == {"words": "count"}
    assert metrics_of(table)["words"].value == 6
    assert units_of(answers(("a", 7.0, {}))) == {"accuracy": "count"}
