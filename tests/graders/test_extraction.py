from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.graders.extraction import (
    Extraction,
    FieldScores,
    NotJson,
    field_scores,
    first_object,
    same,
)
from harness.records import Score

Mark = Callable[..., Score]

IDEAL = {"item": "tea", "count": 2, "note": None}


def counts(score: Score) -> tuple[float, float, float]:
    return score.details["tp"], score.details["fp"], score.details["fn"]


@pytest.mark.parametrize(
    ("answer", "value", "tp_fp_fn"),
    [
        ({"item": "tea", "count": 2, "note": None}, 1.0, (2, 0, 0)),
        ({"item": "tea", "count": 2}, 1.0, (2, 0, 0)),
        ({"item": "tea", "count": 2.0}, 1.0, (2, 0, 0)),
        ({"item": "tea", "count": "2"}, 0.0, (1, 1, 1)),
        ({"item": "tea"}, 0.0, (1, 0, 1)),
        ({"item": "tea", "count": 2, "note": "hot"}, 0.0, (2, 1, 0)),
        ({"item": "tea", "count": 2, "size": "L"}, 0.0, (2, 1, 0)),
        ({"item": "tea", "count": 2, "size": None}, 1.0, (2, 0, 0)),
        ({}, 0.0, (0, 0, 2)),
    ],
)
def test_every_field_is_right_wrong_missing_or_made_up(
    mark: Mark, answer: dict[str, Any], value: float, tp_fp_fn: tuple[int, int, int]
) -> None:
    score = mark(Extraction(), answer, IDEAL)
    assert score.value == value
    assert counts(score) == tp_fp_fn
    assert score.details["parsed"] == 1.0


def test_details_say_which_field_is_right(mark: Mark) -> None:
    score = mark(Extraction(), {"item": "tea", "count": 3}, IDEAL)
    named = {key: value for key, value in score.details.items() if key.startswith("field:")}
    assert named == {"field:item": 1.0, "field:count": 0.0, "field:note": 1.0}
    assert score.reason == "wrong: count"


@pytest.mark.parametrize("text", ["", "tea", "[1]", '"tea"', "null", '{"item": ', "{}{}"])
def test_an_answer_that_does_not_parse_has_no_field_right(mark: Mark, text: str) -> None:
    score = mark(Extraction(), text, IDEAL)
    assert (score.value, score.label) == (0.0, None)
    assert counts(score) == (0, 0, 2)
    assert score.details["parsed"] == 0.0
    assert score.details["field:note"] == 0.0
    assert "no JSON object" in (score.reason or "")


def test_an_empty_ideal_still_needs_an_object(mark: Mark) -> None:
    assert mark(Extraction(), "{}", {}).value == 1.0
    assert mark(Extraction(), "nothing", {}).value == 0.0


def test_chosen_fields_are_all_that_counts(mark: Mark) -> None:
    answer = {"item": "tea", "count": 9, "size": "L"}
    assert mark(Extraction(fields=("item",)), answer, IDEAL).value == 1.0
    assert mark(Extraction(fields=("item", "count")), answer, IDEAL).value == 0.0


def test_further_keys_may_be_allowed(mark: Mark) -> None:
    answer = {**IDEAL, "size": "L"}
    assert mark(Extraction(allow_extra=True), answer, IDEAL).value == 1.0


def test_case_may_be_ignored_inside_lists_too(mark: Mark) -> None:
    ideal = {"names": ["Ann", "Bob"]}
    assert mark(Extraction(), {"names": ["ann", "BOB"]}, ideal).value == 0.0
    assert mark(Extraction(ignore_case=True), {"names": ["ann", "BOB"]}, ideal).value == 1.0


def test_of_several_ideals_the_nearest_counts(mark: Mark) -> None:
    score = mark(Extraction(), {"a": 1, "b": 3}, {"a": 9, "b": 9}, {"a": 1, "b": 2})
    assert counts(score) == (1, 1, 1)
    assert mark(Extraction(), {"a": 1}, {"a": 2}, {"a": 1}).value == 1.0


@pytest.mark.parametrize("ideal", ["[1]", "tea", "{oops"])
def test_an_ideal_that_is_no_object_gives_no_mark(mark: Mark, ideal: str) -> None:
    score = mark(Extraction(), {"item": "tea"}, ideal)
    assert score.value is None
    assert "'ideal' of this sample is no JSON object" in (score.reason or "")


# --- lenient reading -----------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        'Sure!\n```json\n{"a": 1}\n```',
        '{oops} then {"a": 1} and {"a": 2}',
        '[{"a": 1}]',
    ],
)
def test_the_first_object_is_found_in_any_text(text: str) -> None:
    assert first_object(text) == {"a": 1}


@pytest.mark.parametrize("text", ["", "no object", "{", "{a: 1}", '{"a": 1'])
def test_a_text_without_object_has_none(text: str) -> None:
    with pytest.raises(NotJson):
        first_object(text)


# --- values and labels ---------------------------------------------------------------


def test_truth_values_are_no_numbers() -> None:
    assert not same(True, 1)
    assert not same([0], [False])
    assert same({"a": [1, "x"]}, {"a": [1.0, "x"]})
    assert not same([1, 2], [2, 1])


def test_labels_can_always_be_written_to_a_journal(mark: Mark) -> None:
    score = mark(Extraction(), '{"item": "\\ud800"}', IDEAL)
    assert orjson.dumps(score.label)
    assert mark(Extraction(), '{"item": "té"}', IDEAL).label == '{"item": "té"}'


# --- over many samples ---------------------------------------------------------------


def test_field_scores_pool_all_fields(mark: Mark) -> None:
    answers = [{"a": 1, "b": 1}, {"a": 1}, {"a": 2, "b": 1}]
    details = [mark(Extraction(), answer, {"a": 1, "b": 1}).details for answer in answers]
    assert field_scores(details) == FieldScores(precision=4 / 5, recall=4 / 6, f1=8 / 11)


def test_nothing_to_count_is_no_score() -> None:
    assert field_scores([]) == FieldScores(None, None, None)
    assert field_scores([{"tp": 0, "fp": 0, "fn": 2}]) == FieldScores(None, 0.0, 0.0)


@given(st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=1))
def test_f1_is_the_harmonic_mean(rows: list[tuple[int, int, int]]) -> None:
    scores = field_scores({"tp": tp, "fp": fp, "fn": fn} for tp, fp, fn in rows)
    if scores.precision and scores.recall:
        mean = 2 / (1 / scores.precision + 1 / scores.recall)
        assert scores.f1 == pytest.approx(mean)
