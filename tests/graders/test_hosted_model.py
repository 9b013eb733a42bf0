from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from openai.types.graders import LabelModelGrader, ScoreModelGrader

from harness.errors import RegistryError, RequestRejected, ServerFailed, UsageError
from harness.graders import Judge, make_grader, needs_judge
from harness.graders.hosted_model import read_label, read_number
from harness.records import Completion, EvalSpec, Request, Sample, Score

SCORE = {
    "type": "score_model",
    "name": "How good",
    "model": "o4-mini",
    "input": [
        {"role": "developer", "content": "Grade from 1 to 5."},
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "{{item.q}}: {{sample.output_text}}"}],
        },
    ],
    "range": [1, 5],
    "sampling_params": {"temperature": 0, "max_completions_tokens": 99, "reasoning_effort": "low"},
}
LABEL = {
    "type": "label_model",
    "name": "Tone",
    "model": "gpt-4o",
    "input": [{"role": "user", "content": "{{sample.output_text}}"}],
    "labels": ["good", "bad", "so so"],
    "passing_labels": ["good", "so so"],
}


class Says:
    """A judge's server that always says the same, and keeps what it was asked."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[Request] = []

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        self.asked.append(request)
        if self.text == "down":
            raise ServerFailed("down")
        if self.text == "plain only" and "response_format" in request.sampling.extra:
            raise RequestRejected("response_format is unknown")
        return (Completion(self.text),)

    async def __aenter__(self) -> Says:
        return self

    async def __aexit__(self, *_: object) -> None: ...


def spec(raw: dict[str, Any]) -> EvalSpec:
    args = {k: v for k, v in raw.items() if v is not None}
    return EvalSpec("e.c.v1", raw["type"], Path("s.jsonl"), args=args)


def judged(raw: dict[str, Any], says: Says | None, answer: str = "fine", **item: Any) -> Score:
    grader = make_grader(spec(raw), Judge(says, "j") if says else None)
    sample = Sample("s.0", ({"role": "user", "content": "?"},), metadata={"item": item or {"q": 1}})
    return asyncio.run(grader.grade(sample, Completion(answer)))


def test_the_apis_own_objects_are_read() -> None:
    score = ScoreModelGrader.model_validate(SCORE).model_dump()
    label = LabelModelGrader.model_validate(LABEL).model_dump()
    assert judged(score, Says("3")).value == 3.0
    assert judged(label, Says("good")).value == 1.0
    assert needs_judge(spec(SCORE))
    assert needs_judge(spec(LABEL))


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("3", 3.0),
        (" -0.25\n", -0.25),
        ("1e2", 100.0),
        ('{"steps": [], "result": 4}', 4.0),
        ('{"result": "4.5"}', 4.5),
        ('```json\n{"score": 2}\n```', 2.0),
        ("Score: 3", None),
        ("3/5", None),
        ("three", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ('{"result": true}', None),
        ('{"result": null}', None),
        ('{"verdict": 3}', None),
        ('{"result": 3', None),
        ('{"result": 1e999}', None),
        ("9" * 5000, None),
    ],
)
def test_numbers_are_read_strictly(said: str, number: float | None) -> None:
    assert read_number(said) == number


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("good", "good"),
        (' "Good" ', "good"),
        ('{"steps": [], "result": "so so"}', "so so"),
        ('{"label": "bad"}', "bad"),
        ("good, I think", None),
        ("not good", None),
        ("", None),
        ('{"result": 1}', None),
    ],
)
def test_labels_are_read_strictly(said: str, label: str | None) -> None:
    assert read_label(said, ("good", "bad", "so so")) == label


def test_numbers_are_cut_to_the_range() -> None:
    assert judged(SCORE, Says("7")).value == 5.0
    assert judged(SCORE, Says("-7")).value == 1.0


def test_a_threshold_makes_a_verdict_and_keeps_the_number() -> None:
    score = judged({**SCORE, "pass_threshold": 3}, Says("3"))
    assert (score.value, score.details) == (1.0, {"grade": 3.0})
    assert judged({**SCORE, "pass_threshold": 3.5}, Says("3")).value == 0.0


def test_the_judge_is_asked_as_the_grader_says() -> None:
    server = Says("3")
    score = judged(SCORE, server, "Paris", q="Capital?")
    (asked,) = server.asked
    assert asked.model == "j"
    assert [m["content"] for m in asked.messages] == ["Grade from 1 to 5.", "Capital?: Paris"]
    assert (asked.sampling.temperature, asked.sampling.max_tokens) == (0.0, 99)
    assert asked.sampling.extra["reasoning_effort"] == "low"
    assert asked.sampling.extra["response_format"]["type"] == "json_schema"
    assert [one.text for one in score.judged] == ["3"]


def test_a_server_without_json_schemas_can_be_asked_plainly() -> None:
    server = Says("bad")
    score = judged({**LABEL, "structured": False}, server)
    assert (score.value, score.label) == (0.0, "bad")
    assert not server.asked[0].sampling.extra


def test_a_server_that_refuses_schemas_is_told_apart() -> None:
    with pytest.raises(RequestRejected, match="add 'structured: false' to the eval"):
        judged(LABEL, Says("plain only"))


def test_an_unreadable_judgement_is_no_mark_but_is_kept() -> None:
    for raw in (SCORE, LABEL):
        score = judged(raw, Says("Well..."))
        assert score.value is None
        assert "judge" in str(score.reason)
        assert [one.text for one in score.judged] == ["Well..."]


def test_a_missing_name_asks_nobody() -> None:
    server = Says("3")
    assert judged(SCORE, server, other=1).value is None
    needs_json = {**SCORE, "input": [{"role": "user", "content": "{{sample.output_json.a}}"}]}
    score = judged(needs_json, server, "no JSON")
    assert (score.value, score.details) == (1.0, {"grade": 1.0})
    assert server.asked == []


def test_a_silent_judge_is_an_error_and_a_missing_one_too() -> None:
    with pytest.raises(ServerFailed):
        judged(SCORE, Says("down"))
    with pytest.raises(UsageError, match="--judge"):
        judged(LABEL, None)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({**SCORE, "range": [1]}, "range: expected two numbers"),
        ({**SCORE, "range": [5, 1]}, "range: expected two numbers"),
        ({**SCORE, "range": [0, True]}, "range: expected two numbers"),
        ({**SCORE, "input": "x"}, "input: expected a list of messages"),
        ({**SCORE, "input": [{"role": "robot", "content": ""}]}, "a role of"),
        ({**SCORE, "input": [{"role": "user", "content": {"type": "input_image"}}]}, "of text"),
        ({**SCORE, "input": [{"role": "user", "content": "{{x}}"}]}, "no name to fill in"),
        ({**SCORE, "sampling_params": {"speed": 1}}, "unknown key 'speed'"),
        ({**LABEL, "passing_labels": ["great"]}, "'great' is none of the labels"),
        ({**LABEL, "judge": {"model": "x"}}, "unknown key 'judge'"),
    ],
)
def test_a_wrong_option_is_named(raw: dict[str, Any], said: str) -> None:
    with pytest.raises(RegistryError, match=r"eval 'e\.c\.v1'") as caught:
        make_grader(spec(raw))
    assert said in str(caught.value)
