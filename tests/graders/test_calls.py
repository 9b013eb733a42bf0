from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.datasets import read_samples
from harness.graders.calls import FunctionCalls
from harness.records import Completion, Sample, Score

SCHEMA = {
    "name": "shop.order",
    "parameters": {
        "type": "dict",
        "properties": {
            "item": {"type": "string"},
            "count": {"type": "integer"},
            "price": {"type": "float"},
            "gift": {"type": "boolean"},
            "sizes": {"type": "array", "items": {"type": "integer"}},
            "names": {"type": "array", "items": {"type": "string"}},
            "place": {"type": "tuple", "items": {"type": "float"}},
            "address": {"type": "dict"},
            "parts": {"type": "array", "items": {"type": "dict"}},
        },
        "required": ["item"],
    },
}


def marked(answer: str | Completion, truth: Any, schema: Any = SCHEMA, **fields: Any) -> Score:
    metadata = {"ground_truth": truth} | ({"function": [schema]} if schema else {})
    sample = Sample("a.b.0", (), metadata=metadata, **fields)
    completion = Completion(answer) if isinstance(answer, str) else answer
    return asyncio.run(FunctionCalls().grade(sample, completion))


def order(**allowed: Any) -> list[Any]:
    return [{"shop.order": {"item": ["tea"], **allowed}}]


TEA = order(count=[2, ""])


# --- how calls are written -----------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        'shop.order(item="tea", count=2)',
        "[shop.order(item='tea', count=2)]",
        "`shop.order(item='tea', count=2)`",
        "result = shop.order(item='tea', count=2)",
        "shop.order(**{'item': 'tea', 'count': 2})",
        "shop.order(item='tea', count=1 + 1)",
        "Here it is:\n```python\n[shop.order(item='tea', count=2)]\n```\nAnything else?",
        "I'd call shop.order(item='tea', count=2) (as you said) for that.",
        "Of course (gladly): [shop.order(item='tea', count=2)].",
        '{"name": "shop.order", "arguments": {"item": "tea", "count": 2}}',
        '{"name": "shop.order", "parameters": {"item": "tea", "count": 2}}',
        '[{"name": "shop.order", "arguments": "{\\"item\\": \\"tea\\", \\"count\\": 2}"}]',
        '{"shop.order": {"item": "tea", "count": 2}}',
        '[{"shop.order": {"item": "tea", "count": 2}}]',
        '{"function": {"name": "shop_order", "arguments": {"item": "tea", "count": 2}}}',
        '{"tool_calls": [{"function": {"name": "shop.order", "arguments": {"item": "tea"}}}]}',
        '<tool_call>\n{"name": "shop.order", "arguments": {"item": "tea"}}\n</tool_call>',
        '```json\n{"name": "shop.order", "arguments": {"item": "tea"}}\n```',
    ],
)
def test_a_right_call_is_right_however_it_is_written(answer: str) -> None:
    score = marked(answer, TEA)
    assert (score.value, score.reason) == (1.0, None)
    assert score.details == {"name": 1.0, "arguments": 1.0}


def test_calls_of_the_wire_format_count_before_the_text() -> None:
    call = {"type": "function", "function": {"name": "shop_order", "arguments": '{"item": "tea"}'}}
    score = marked(Completion("shop.order(item='coffee')", tool_calls=(call,)), TEA)
    assert score.value == 1.0


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "I would order tea.",
        "Use shop.order (see the manual).",
        "shop.order('tea', 2)",
        "{'item': 'tea'}",
        '{"item": "tea", "name": "Ada"}',
        "shop.order(item='tea'",
        "shop.order(item=__import__('os').system('echo tea'))",
    ],
)
def test_what_is_no_right_call_is_wrong(answer: str) -> None:
    assert marked(answer, TEA).value == 0.0


def test_nothing_is_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    marked(f"shop.order(item=open({str(trace)!r}, 'w'), count=(lambda: 1/0)())", TEA)
    assert not trace.exists()


def test_arguments_without_a_name_are_not_read_and_that_is_said() -> None:
    score = marked("shop.order('tea')", TEA)
    assert score.reason == "shop.order: 'item' is missing (1 without a name are not read)"


HUGE = {
    "powers": "shop.order(item=9**9**9**9)",
    "products": "shop.order(item=" + "*".join(["9" * 4000] * 4) + ")",
    "sums": "shop.order(item=" + "1+" * 9000 + "1)",
    "brackets": "[" * 10**6,
    "calls": "f(a=" * 10**5,
    "objects": '{"a":' * 10**5,
    "fences": "```\n" * 10**5,
    "large": "shop.order(price=" + "9" * 400 + ")",
}


@pytest.mark.parametrize("answer", HUGE.values(), ids=HUGE)
def test_whatever_is_written_is_marked(answer: str) -> None:
    assert marked(answer, order(price=[1.0])).value == 0.0


# --- which calls are right -----------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "written"),
    [
        ({"count": [2]}, "count=2"),
        ({"count": [2, ""]}, ""),
        ({"price": [3.0]}, "price=3"),
        ({"price": [3]}, "price=3.0"),
        ({"price": [-3.5]}, "price=-3.5"),
        ({"gift": [True]}, "gift=True"),
        ({"sizes": [[1, 2]]}, "sizes=[1, 2]"),
        ({"sizes": [[1, 2], ""]}, "sizes=[]"),
        ({"names": [["Ada", "O'Hara"]]}, "names=['ADA', 'o\"hara']"),
        ({"place": [[1.5, 2.5]]}, "place=(1.5, 2.5)"),
        ({"address": [{"city": ["Oslo", "oslo"], "zip": ["", "1"]}]}, "address={'city': 'OSLO'}"),
        ({"parts": [[{"a": [1]}, {"a": [2]}]]}, "parts=[{'a': 1}, {'a': 2}]"),
        ({"count": ["n"]}, "count=n"),
    ],
)
def test_allowed_values_are_right(allowed: dict[str, Any], written: str) -> None:
    score = marked(f"shop.order(item='tea', {written})", order(**allowed))
    assert (score.value, score.reason) == (1.0, None)


@pytest.mark.parametrize(
    ("allowed", "written", "reason"),
    [
        ({"count": [2]}, "", "'count' is missing"),
        ({"count": [2]}, "count=3", "'count' is 3, not 2"),
        ({"count": [2]}, "count=2.0", "'count' is 2.0, which is no integer"),
        ({"count": [2]}, "count='2'", "'count' is '2', which is no integer"),
        ({"count": [1]}, "count=True", "'count' is True, which is no integer"),
        ({"gift": [True]}, "gift=1", "'gift' is 1, which is no boolean"),
        ({"gift": [True]}, "gift=true", "'gift' is 'true', which is no boolean"),
        ({}, "count=2", "'count' is no argument of it"),
        ({"colour": ["red"]}, "colour='red'", "'colour' is no argument of it"),
        ({"sizes": [[1, 2]]}, "sizes=[2, 1]", "'sizes' is [2, 1], not [1, 2]"),
        ({"sizes": [[1, 2]]}, "sizes=(1, 2)", "'sizes' is (1, 2), which is no array"),
        ({"sizes": [[1, 2]]}, "sizes=['1', '2']", "'sizes' is ['1', '2'], which is no array"),
        ({"address": [{"city": ["Oslo"]}]}, "address={'city': 'Rome'}", "'address' is"),
        ({"address": [{"city": ["Oslo"]}]}, "address={}", "'address' is {}"),
        ({"address": [{"city": ["Oslo"]}]}, "address={'town': 'Oslo'}", "'address' is"),
        ({"parts": [[{"a": [1]}, {"a": [2]}]]}, "parts=[{'a': 1}]", "'parts' is"),
        ({"parts": [[{"a": [1]}]]}, "parts=[{'a': 2}]", "'parts' is"),
        ({"parts": [[{"a": [1]}]]}, "parts=[1]", "'parts' is [1], which is no array"),
    ],
)
def test_the_reason_names_the_argument_that_is_wrong(
    allowed: dict[str, Any], written: str, reason: str
) -> None:
    score = marked(f"shop.order(item='tea', {written})", order(**allowed))
    assert score.value == 0.0
    assert str(score.reason).startswith(f"shop.order: {reason}")
    assert score.details["name"] == 1.0


def test_texts_are_compared_without_case_spaces_and_some_punctuation() -> None:
    truth = [{"f": {"day": ["April 1, 2024"]}}]
    assert marked("f(day='april 1 2024')", truth, schema=None).value == 1.0
    assert marked("f(day='April 2, 2024')", truth, schema=None).value == 0.0


def test_what_the_schema_requires_is_not_optional() -> None:
    score = marked("shop.order(count=2)", [{"shop.order": {"item": ["tea", ""], "count": [2]}}])
    assert score.reason == "shop.order: 'item' is missing"
    assert score.details == {"name": 1.0, "arguments": 0.5}


def test_another_function_is_wrong_altogether() -> None:
    score = marked("shop.sell(item='tea')", TEA)
    assert score.details == {"name": 0.0, "arguments": 0.0}
    assert score.reason == "shop.order is not called; shop.sell is not wanted"


def test_types_come_from_offered_tools_or_else_from_the_allowed_values() -> None:
    tool = {"name": "f", "parameters": {"properties": {"x": {"type": "number"}}}}
    truth = [{"f": {"x": [2.0]}}]
    offered = {"tools": ({"type": "function", "function": tool},)}
    assert marked("f(x=2)", truth, schema=None, **offered).value == 1.0
    assert marked("f(x=2)", truth, schema=None).value == 1.0
    assert marked("f(x='2')", truth, schema=None).value == 0.0


# --- several calls -------------------------------------------------------------------

BOTH = [{"f": {"a": [1]}}, {"f": {"a": [2]}}]


@pytest.mark.parametrize(
    "answer",
    ["[f(a=1), f(a=2)]", "[f(a=2), f(a=1)]", "f(a=1)\nf(a=2)", "First f(a=2), then f(a=1)."],
)
def test_several_calls_may_come_in_any_order(answer: str) -> None:
    assert marked(answer, BOTH, schema=None).value == 1.0


@pytest.mark.parametrize(
    ("answer", "name", "arguments"),
    [
        ("f(a=1)", 0.5, 0.5),
        ("[f(a=1), f(a=1)]", 1.0, 0.5),
        ("[f(a=1), f(a=2), f(a=3)]", 1.0, 1.0),
        ("[f(a=1), g(a=2)]", 0.5, 0.5),
    ],
)
def test_one_call_too_many_or_too_few_is_wrong(answer: str, name: float, arguments: float) -> None:
    score = marked(answer, BOTH, schema=None)
    assert score.value == 0.0
    assert score.details == {"name": name, "arguments": arguments}


def test_each_ideal_is_a_right_answer(mark: Any) -> None:
    ideals = ('[{"f": {"a": [1, 2]}}]', "g(b='x')")
    assert mark(FunctionCalls(), "f(a=2)", *ideals).value == 1.0
    assert mark(FunctionCalls(), "g(b='X')", *ideals).value == 1.0
    assert mark(FunctionCalls(), "g(b='y')", *ideals).value == 0.0


def test_a_sample_that_says_nothing_gets_no_mark(mark: Any) -> None:
    assert mark(FunctionCalls(), "f(a=2)").value is None
    assert mark(FunctionCalls(), "f(a=2)", "some prose").value is None


def test_the_documented_sample_is_asked_and_marked_as_documented(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "function-calling.md").read_text("utf-8")
    [example] = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    (tmp_path / "samples.jsonl").write_text(" ".join(example.split()))
    [sample] = read_samples(tmp_path / "samples.jsonl", "shop.heldout.v1")
    assert sample.tools[0]["function"]["name"] == "shop_order"
    answer = "shop_order(item='Green Tea', count=3)"
    score = asyncio.run(FunctionCalls().grade(sample, Completion(answer)))
    assert score.reason == "shop.order: 'count' is 3, not 2"
    right = asyncio.run(FunctionCalls().grade(sample, Completion(sample.ideal[0])))
    assert right.value == 1.0


# --- the leaderboard's own answers ---------------------------------------------------

BFCL = Path(__file__).parents[2] / "../shared/data/bfcl"
needs_bfcl = pytest.mark.skipif(
    not BFCL.is_dir(), reason=f"BFCL's data are not in {BFCL}: its answers not checked"
)
Arguments = dict[str, Any]


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (BFCL / name).read_text().splitlines()]


def leaderboard() -> Iterator[tuple[Any, Any, str, Arguments]]:
    """Truth, schema, and one right call, of every question."""
    questions = {one["id"]: one["function"][0] for one in lines("BFCL_v4_simple_python.json")}
    for answer in lines("possible_answer_BFCL_v4_simple_python.json"):
        [(name, allowed)] = answer["ground_truth"][0].items()
        right = {
            key: chosen(values) for key, values in allowed.items() if any(values) or 0 in values
        }
        yield answer["ground_truth"], questions[answer["id"]], name, right


def chosen(values: list[Any]) -> Any:
    value = next(value for value in values if value != "")
    if isinstance(value, dict):
        return {key: chosen(inner) for key, inner in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [{key: chosen(inner) for key, inner in one.items()} for one in value]
    return value


def as_python(name: str, arguments: Arguments) -> str:
    return f"[{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})]"


def as_json(name: str, arguments: Arguments) -> str:
    return json.dumps({"name": name, "arguments": arguments})


@needs_bfcl
@pytest.mark.parametrize("written", [as_python, as_json])
def test_the_leaderboards_possible_answers_are_right(written: Any) -> None:
    scores = [
        marked(written(name, right), truth, schema) for truth, schema, name, right in leaderboard()
    ]
    assert len(scores) == 400
    assert [score.reason for score in scores if score.value != 1.0] == []


@needs_bfcl
@pytest.mark.parametrize("written", [as_python, as_json])
def test_the_same_answers_with_one_wrong_argument_are_wrong(written: Any) -> None:
    for truth, schema, name, right in leaderboard():
        for key in right:
            broken = {**right, key: {"no": "such value"}}
            score = marked(written(name, broken), truth, schema)
            assert score.value == 0.0
            assert f"'{key}' is" in str(score.reason)
        assert marked(written(name, {**right, "unheard_of": 1}), truth, schema).value == 0.0
        assert marked(written(name + "_", right), truth, schema).details["name"] == 0.0
