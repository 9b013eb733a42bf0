from __future__ import annotations

import importlib
import random
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from harness.openai_evals.final_report import REPORTS, Totals, final_report
from harness.records import Completion, Failure, Outcome, Score, Usage


def marked(value: float | None, label: str | None = None, **details: float) -> Outcome:
    score = Score(value, label, details=details)
    return Outcome("e", "m", "e.dev.0", 0, "k", Completion("x"), {"accuracy": score})


RIGHT, WRONG = marked(1.0, f1_score=1.0), marked(0.0, f1_score=0)
LOST = Outcome("e", "m", "e.dev.9", 0, "k", failure=Failure("rate_limited", "too many"))


@pytest.mark.parametrize(
    ("grader", "names"),
    [
        ("match", ["accuracy", "boostrap_std"]),
        ("includes", ["accuracy", "boostrap_std"]),
        ("json_validator", ["accuracy", "boostrap_std"]),
        ("fuzzy_match", ["accuracy", "f1_score"]),
        ("json_match", ["accuracy"]),
        ("multiple_choice", ["accuracy"]),
    ],
)
def test_each_class_reports_its_own_metrics(grader: str, names: list[str]) -> None:
    report = final_report(grader, [RIGHT, WRONG, RIGHT, RIGHT])
    assert list(report) == names
    assert report["accuracy"] == 0.75


def test_failures_and_missing_marks_count_nowhere() -> None:
    report = final_report("fuzzy_match", [RIGHT, LOST, marked(None), WRONG])
    assert report == {"accuracy": 0.5, "f1_score": 0.5}


def test_nothing_answered_has_no_accuracy() -> None:
    assert final_report("match", [LOST]) == {"accuracy": None, "boostrap_std": None}


def test_a_lone_answer_has_no_spread() -> None:
    assert final_report("match", [RIGHT]) == {"accuracy": 1.0, "boostrap_std": None}


def test_the_spread_is_the_same_every_time_and_in_every_order() -> None:
    outcomes = [RIGHT] * 30 + [WRONG] * 50
    first = final_report("match", outcomes)
    random.Random(1).shuffle(outcomes)
    assert final_report("match", outcomes) == first


@pytest.mark.oracle
@pytest.mark.parametrize(("right", "wrong"), [(1, 2), (4, 4), (30, 50), (7, 200)])
def test_the_spread_is_the_references(reference: ModuleType, right: int, wrong: int) -> None:
    metrics = importlib.import_module("evals.metrics")
    events = [SimpleNamespace(data={"correct": i < right}) for i in range(right + wrong)]
    theirs = metrics.get_bootstrap_accuracy_std(events)
    ours = final_report("match", [RIGHT] * right + [WRONG] * wrong)["boostrap_std"]
    assert ours == pytest.approx(theirs, rel=0.12)


def test_choices_are_counted_where_they_occurred_and_scores_averaged_where_they_exist() -> None:
    outcomes = [
        marked(1.0, "Yes", metascore=1.0),
        marked(0.0, "__invalid__", metascore=0.0),
        marked(None, "Unsure", metascore=0.0),
        marked(1.0, "Yes", metascore=1.0),
        LOST,
    ]
    assert final_report("model_graded", outcomes) == {
        "counts/Yes": 2,
        "counts/__invalid__": 1,
        "counts/Unsure": 1,
        "score": 2 / 3,
        "metascore": 0.5,
    }


def test_tokens_of_judges_count_too() -> None:
    judged = (Completion("Yes", usage=Usage(100, 10)),)
    score = Score(1.0, "Yes", judged=judged)
    said = Completion("x", usage=Usage(5, 2))
    one = Outcome("e", "m", "e.dev.0", 0, "k", said, {"accuracy": score})
    assert final_report("model_graded", [one, one]) == {
        "counts/Yes": 2,
        "score": 1.0,
        "usage_completion_tokens": 24,
        "usage_prompt_tokens": 210,
        "usage_total_tokens": 234,
        "usage_completion_tokens_details": 0,
        "usage_prompt_tokens_details": 0,
    }


def test_no_usage_is_reported_where_no_server_counted() -> None:
    assert not any(name.startswith("usage") for name in final_report("match", [RIGHT, WRONG]))


def test_our_own_graders_report_everything_that_they_measure() -> None:
    outcomes = [marked(1.0, tp=3.0), marked(0.5, tp=1.0)]
    assert final_report("extraction", outcomes) == {"accuracy": 0.75, "tp": 2.0}


def test_translations_are_scored_together(tmp_path: Path) -> None:
    pytest.importorskip("sacrebleu")
    totals: Any = Totals("translate")
    assert "sacrebleu_score" in totals.report()


def test_every_row_of_the_table_reports_on_nothing() -> None:
    for grader in REPORTS:
        assert isinstance(Totals(grader).report(), dict)
