from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from openai.types.graders import MultiGrader

from harness.errors import RegistryError
from harness.graders import Judge, make_grader, needs_code, needs_judge
from harness.records import Completion, EvalSpec, Request, Sample, Score

NAME = {
    "type": "text_similarity",
    "name": "name_grader",
    "input": "{{sample.output_json.name}}",
    "reference": "{{item.name}}",
    "evaluation_metric": "fuzzy_match",
    "pass_threshold": 0.9,
}
EMAIL = {
    "type": "string_check",
    "name": "email",
    "input": "{{sample.output_json.email}}",
    "reference": "{{item.email}}",
    "operation": "eq",
}
LABEL = {
    "type": "label_model",
    "name": "tone",
    "model": "m",
    "input": [{"role": "user", "content": "{{sample.output_text}}"}],
    "labels": ["good", "bad"],
    "passing_labels": ["good"],
}
CODE = {"type": "python", "name": "code", "source": "def grade(sample, item): return 0.25"}
PEOPLE = {"graders": {"name": NAME, "email": EMAIL}, "calculate_output": "(name + email) / 2"}


class Good:
    async def complete(self, request: Request) -> tuple[Completion, ...]:
        return (Completion("good"),)

    async def __aenter__(self) -> Good:
        return self

    async def __aexit__(self, *_: object) -> None: ...


def spec(**args: Any) -> EvalSpec:
    return EvalSpec("e.c.v1", "multi", Path("s.jsonl"), args=args)


def marked(answer: str, **args: Any) -> Score:
    grader = make_grader(spec(**args), Judge(Good(), "j"), frozenset({"python"}))
    item = {"name": "Ada Lovelace", "email": "ada@x.org"}
    sample = Sample("s.0", ({"role": "user", "content": "?"},), metadata={"item": item})
    return asyncio.run(grader.grade(sample, Completion(answer)))


def test_the_guides_example_gives_partial_credit() -> None:
    right = marked('{"name": "Ada Lovelace", "email": "ada@x.org"}', **PEOPLE)
    assert (right.value, right.details) == (1.0, {"grader:name": 1.0, "grader:email": 1.0})
    near = marked('{"name": "Ada Lovlace", "email": "ada@x.org"}', **PEOPLE)
    assert near.value is not None
    assert 0.9 < near.value < 1  # the number counts, not the verdict at 0.9
    assert marked("no JSON", **PEOPLE).value == 0.0


def test_judges_and_code_can_take_part() -> None:
    args = {"graders": {"t": LABEL, "c": CODE}, "calculate_output": "t + c"}
    score = marked("x", **args)
    assert score.value == 1.25
    assert [one.text for one in score.judged] == ["good"]
    assert needs_judge(spec(**args))
    assert needs_code(spec(**args))
    assert not needs_judge(spec(**PEOPLE))


def test_code_inside_needs_permission_too() -> None:
    nested = spec(graders={"c": CODE}, calculate_output="c")
    with pytest.raises(RegistryError, match="--allow-code python"):
        make_grader(nested)


def test_one_grader_may_stand_alone_as_the_apis_type_says() -> None:
    raw = MultiGrader.model_validate(
        {"type": "multi", "name": "m", "graders": EMAIL, "calculate_output": "email * 2"}
    )
    assert marked('{"email": "ada@x.org"}', **raw.model_dump()).value == 2.0


def test_a_part_without_a_mark_leaves_none_to_the_whole() -> None:
    lost = {**EMAIL, "reference": "{{item.gone}}"}
    score = marked("{}", graders={"email": lost}, calculate_output="email")
    assert score.value is None
    assert score.reason == "grader 'email': this item has no item.gone"


def test_a_formula_without_a_value_is_no_mark() -> None:
    score = marked("{}", graders={"email": EMAIL}, calculate_output="1 / email")
    assert score.value is None
    assert "1 / email" in str(score.reason)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"calculate_output": "a"}, "'graders' is missing"),
        ({"graders": {"a": EMAIL}}, "'calculate_output' is missing"),
        ({**PEOPLE, "calculate_output": "name + mail"}, "no grader 'mail'; did you mean 'email'"),
        ({**PEOPLE, "calculate_output": "open('x')"}, "no function 'open'"),
        ({"graders": {"m": {"type": "multi"}}, "calculate_output": "m"}, "cannot stand in a multi"),
        ({"graders": {"e": {**EMAIL, "operation": "~"}}, "calculate_output": "e"}, "grader 'e'"),
        ({**PEOPLE, "allowed": True}, "unknown key 'allowed'"),
    ],
)
def test_a_wrong_option_is_named(args: dict[str, Any], said: str) -> None:
    with pytest.raises(RegistryError, match=r"eval 'e\.c\.v1'") as caught:
        make_grader(spec(**args))
    assert said in str(caught.value)
