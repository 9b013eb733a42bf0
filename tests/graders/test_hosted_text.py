from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openai.types.eval_retrieve_response import TestingCriterionEvalGraderTextSimilarity
from openai.types.graders import StringCheckGrader

from harness.errors import RegistryError
from harness.graders import make_grader
from harness.graders.hosted_text import StringCheck, TextSimilarity
from harness.records import EvalSpec, Score

Mark = Callable[..., Score]
TestingCriterionEvalGraderTextSimilarity.__test__ = False  # type: ignore[attr-defined]


def made(raw: dict[str, Any]) -> Any:
    return make_grader(EvalSpec("e.c.v1", raw["type"], Path("s.jsonl"), args=raw))


def test_the_apis_own_objects_are_read() -> None:
    check = StringCheckGrader(
        type="string_check",
        name="Exact",
        input="{{sample.output_text}}",
        reference="{{item.label}}",
        operation="ilike",
    )
    assert made(check.model_dump()) == StringCheck(reference="{{item.label}}", operation="ilike")
    near = TestingCriterionEvalGraderTextSimilarity(
        type="text_similarity",
        name="Near",
        input="{{sample.output_text}}",
        reference="{{item.label}}",
        evaluation_metric="rouge_l",
        pass_threshold=0.8,
    )
    assert made(near.model_dump()) == TextSimilarity(
        reference="{{item.label}}", evaluation_metric="rouge_l", pass_threshold=0.8
    )


@pytest.mark.parametrize(
    ("operation", "answer", "value"),
    [
        ("eq", "Oslo", 1),
        ("eq", "oslo", 0),
        ("eq", "Oslo ", 0),
        ("ne", "Oslo", 0),
        ("neq", "Rome", 1),
        ("like", "in Oslo.", 1),
        ("like", "in oslo.", 0),
        ("like", "Os%", 0),
        ("ilike", "in OSLO.", 1),
        ("ilike", "Os", 0),
    ],
)
def test_operations(mark: Mark, operation: str, answer: str, value: float) -> None:
    assert mark(StringCheck(operation=operation), answer, "Oslo").value == value


def test_a_threshold_makes_a_verdict_and_keeps_the_number(mark: Mark) -> None:
    grader = TextSimilarity(evaluation_metric="rouge_1", pass_threshold=0.5)
    score = mark(grader, "the cat", "the dog")
    assert (score.value, score.details) == (1.0, {"similarity": 0.5})
    free = TextSimilarity(evaluation_metric="rouge_1")
    assert mark(free, "the cat", "the dog").value == 0.5


def test_what_the_item_lacks_is_no_mark(mark: Mark) -> None:
    for grader in (StringCheck(reference="{{item.x}}"), TextSimilarity(reference="{{item.x}}")):
        score = mark(grader, "Oslo", item={"y": 1})
        assert score.value is None
        assert score.reason == "this item has no item.x"


def test_what_the_answer_lacks_is_a_wrong_answer(mark: Mark) -> None:
    score = mark(StringCheck("{{sample.output_json.city}}", "Oslo", "ne"), "no JSON")
    assert score.value == 0.0
    assert score.reason == "the answer has no sample.output_json.city"
    near = TextSimilarity("{{sample.output_json.city}}", "Oslo")
    assert mark(near, "{}").details == {"similarity": 0.0}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"operation": "regex"}, "operation: 'regex' is not known"),
        ({"reference": "{{nope}}"}, "no name to fill in"),
        ({"reference": ["x"]}, "reference: expected text"),
        ({"pass": 1}, "unknown key 'pass'"),
    ],
)
def test_a_wrong_option_is_named(raw: dict[str, Any], said: str) -> None:
    with pytest.raises(RegistryError, match=r"eval 'e\.c\.v1'") as caught:
        made({"type": "string_check", **raw})
    assert said in str(caught.value)
