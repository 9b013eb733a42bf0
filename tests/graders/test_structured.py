from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.graders.structured import JsonMatch, JsonValidator, NotJson, equal, parsed
from harness.records import Score

Mark = Callable[..., Score]


@pytest.mark.parametrize(
    ("answer", "ideal", "same"),
    [
        ({"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ({"a": None}, {"a": None}, False),
        (None, None, False),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ([], [], True),
        ({}, {}, True),
        ({}, [], False),
        ([], {}, False),
        ("1", 1, False),
        (1, 1.0, True),
        (True, 1, True),  # Python's equality, as in OpenAI evals
        (float("nan"), float("nan"), False),
    ],
)
def test_json_is_compared_component_by_component(answer: Any, ideal: Any, same: bool) -> None:
    assert equal(answer, ideal) is same


@pytest.mark.parametrize("text", ["NaN", "-Infinity", '{"a": 1, "a": 2}', " 3 ", "9" * 4300])
def test_what_pythons_parser_takes_is_json(mark: Mark, text: str) -> None:
    assert mark(JsonValidator(), text).value == 1.0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        ("{'a': 1}", "double quotes"),
        ('{"a": 1,}', "double quotes"),
        ("1 2", "Extra data"),
        ("\ufeff1", "BOM"),
        ("9" * 4301, "digits"),
        ("[" * 100_000, "nested too deeply"),
        ("```json\n{}\n```", "Expecting value"),
    ],
)
def test_what_it_refuses_is_not_and_the_reason_says_why(mark: Mark, text: str, why: str) -> None:
    score = mark(JsonValidator(), text)
    assert score.value == 0.0
    assert why in (score.reason or "")


def test_of_two_equal_keys_the_last_counts(mark: Mark) -> None:
    assert mark(JsonMatch(), '{"a": 1, "a": 2}', {"a": 2}).value == 1.0


def test_the_label_is_the_ideal_that_fits(mark: Mark) -> None:
    score = mark(JsonMatch(), "[2]", "[1]", "[2]")
    assert (score.value, score.label) == (1.0, "[2]")


def test_an_ideal_that_is_not_json_gives_no_mark(mark: Mark) -> None:
    score = mark(JsonMatch(), "[1]", "[1]", "{oops")
    assert score.value is None
    assert "'ideal' of this sample is not JSON" in (score.reason or "")


def test_values_nested_deeper_than_python_walks_are_no_match() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert not equal(deep, deep)


def test_parsing_raises_one_error_only() -> None:
    with pytest.raises(NotJson):
        parsed("nope")
