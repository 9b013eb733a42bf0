"""Templates as promptfoo fills them, where they only put values in."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from harness.importing.promptfoo.cases import written
from harness.importing.promptfoo.files import LeftOut, yaml_value
from harness.importing.promptfoo.templates import (
    as_json,
    in_prompt,
    number_text,
    rendered,
    resolved,
    texts_in,
    whole_or_raw,
)

VALUES: dict[str, Any] = {"a": "A", "n": 2.0, "o": {"k": ["x", {"d": None}]}, "l": [1, [2, None]]}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{a}}{{ a }}{{\na\n}}", "AAA"),
        ("{{ o.k[0] }} {{o['k'].0}} {{ o[\"k\"][1].d }}.", "x x ."),
        ("{{ o.k[9] }}{{ gone }}{{ gone.far.away }}", ""),
        ("{{o}} {{l}} {{n}}", "[object Object] 1,2, 2"),
        ("{{ o | dump }}", '{"k":["x",{"d":null}]}'),
        ("{{ a | lower }}{# a note #}!", "a!"),
        ("no template } at }} all", "no template } at }} all"),
    ],
)
def test_values_are_put_in(template: str, text: str) -> None:
    assert rendered(template, VALUES) == text


@pytest.mark.parametrize(
    "template",
    ["{{ a + n }}", "{{ a() }}", "{{ a.length }}", "{{- a }}", "{{ 'a' }}", "{{ true }}", "{{}}"],
)
def test_what_computes_is_refused(template: str) -> None:
    with pytest.raises(LeftOut):
        rendered(template, VALUES)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *((3, "3"), (3.0, "3"), (-0.0, "0"), (0.1, "0.1"), (1e21, "1e+21"), (1e20, "1" + "0" * 20)),
        *((1e-6, "0.000001"), (1e-7, "1e-7"), (1.5e-9, "1.5e-9"), (float("nan"), "NaN")),
    ],
)
def test_numbers_are_written_as_there(number: float, text: str) -> None:
    assert number_text(number) == text


def test_variables_that_name_each_other_end() -> None:
    assert resolved({"a": "{{b}}!", "b": "{{c}}", "c": "x\n"}) == {"a": "x!", "b": "x", "c": "x"}
    assert resolved({"a": "{{a}}"}) == {"a": "{{a}}"}
    assert len(resolved({"a": "{{b}}{{b}}", "b": "{{a}}{{a}}"})["a"]) < 1_000


def test_a_variable_with_something_unknown_stays_as_it_is() -> None:
    assert in_prompt({"a": "{{o.k}} {{gone}}", "o": {"k": 1}})["a"] == "{{o.k}} {{gone}}"
    assert in_prompt({"a": "{{o.k}}", "o": {"k": 1}})["a"] == "1"


def test_a_bracket_that_is_not_closed_is_text() -> None:
    assert whole_or_raw("a {{ b", {}) == "a {{ b"


def test_dates_are_refused_and_json_is_that_of_javascript() -> None:
    with pytest.raises(LeftOut, match="quotes"):
        rendered("{{d}}", {"d": date(2026, 1, 2)})
    assert as_json({"a": 1.0, 2: "é"}) == '{"a":1,"2":"é"}'


@pytest.mark.parametrize(
    ("text", "value"),
    [("yes", "yes"), ("on", "on"), ("010", 10), ("0o10", 8), ("1e3", 1000.0), ("~", None)],
)
def test_yaml_is_that_of_version_1_2(text: str, value: Any) -> None:
    assert yaml_value(text) == value


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a, b", ["a", "b"]),
        (' "a, b" , c,,', ["a, b", "c"]),
        (r'"say \"hi\"", "a""b"', ['say "hi"', 'a"b']),
        ("", []),
    ],
)
def test_lists_may_be_one_text(text: str, found: list[str]) -> None:
    assert texts_in(text) == found


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("Oslo", "equals", "Oslo"),
        ("contains: Oslo", "contains", "Oslo"),
        ("not-icontains-any: a, b", "not-icontains-any", ["a", "b"]),
        ("grade: is polite", "llm-rubric", " is polite"),
        ("javascript: true", "javascript", None),
        ("similar(0.8): x", "similar", "x"),
        ("note: this is text", "equals", "note: this is text"),
    ],
)
def test_assertions_in_tables_are_one_text(text: str, kind: str, value: Any) -> None:
    found = written(text)
    assert (found["type"], found.get("value")) == (kind, value)
