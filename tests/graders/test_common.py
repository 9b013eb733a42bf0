"""What must hold for every grader. A new grader is one row in ``GRADERS_UNDER_TEST``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.graders import GRADERS, Grader, make_grader
from harness.graders.apibench import ApiBench
from harness.graders.assertions import Assertions, JudgedAssertions
from harness.graders.bridged import Bridged
from harness.graders.calls import FunctionCalls
from harness.graders.extraction import Extraction
from harness.graders.generation import Generation
from harness.graders.hosted_model import LabelModel, ScoreModel
from harness.graders.hosted_multi import Multi
from harness.graders.hosted_python import PythonGrader
from harness.graders.hosted_text import StringCheck, TextSimilarity
from harness.graders.model_graded import ModelGraded
from harness.graders.structured import JsonMatch, JsonValidator
from harness.graders.style import Style
from harness.graders.text import FuzzyMatch, Includes, Match
from harness.graders.translate import Translate
from harness.records import EvalSpec, Score

Mark = Callable[..., Score]


class Row(NamedTuple):
    grader: Grader
    right: str
    wrong: str
    ideal: tuple[str, ...] = ()


CITY = '{"city": "Oslo", "price": 12}'
APIS = str(Path(__file__).with_name("apis.jsonl"))
CHIRP = "<<<api_call>>>: torch.hub.load('acme/sound', 'chirp')"
BIRD = "<<<api_call>>>: torch.hub.load('acme/vision', 'birdnet')"
IDEAL = (
    "<<<api_call>>>: torch.hub.load(repo_or_dir='acme/sound', 'v2', model='chirp', pretrained=True)"
)
GRADERS_UNDER_TEST = [
    Row(Match(), "Oslo, Norway", "It is Oslo", ("Oslo", "Christiania")),
    Row(Includes(), "It is Oslo.", "It is oslo.", ("Oslo",)),
    Row(Includes(ignore_case=True), "It is oslo.", "It is Rome.", ("Oslo",)),
    Row(FuzzyMatch(), "the OSLO!", "Rome", ("Oslo",)),
    Row(JsonMatch(), '{"price": 12.0, "city": "Oslo"}', '{"city": "Oslo"}', (CITY,)),
    Row(JsonValidator(), "[1, 2]", "[1, 2"),
    Row(Extraction(), CITY, '{"city": "Rome", "price": 12}', (CITY,)),
    Row(Extraction(lenient=True), f"Here: {CITY}.", "None here.", (CITY,)),
    Row(Extraction(fields=("city",)), '{"city": "Oslo", "x": 1}', "{}", (CITY,)),
    Row(ApiBench(APIS), CHIRP, BIRD, (IDEAL,)),
    Row(FunctionCalls(), '{"name": "f", "arguments": {"a": 1}}', "f(a=2)", ("f(a=1)",)),
    Row(StringCheck(), "Oslo", "Rome", ("Oslo",)),
    Row(StringCheck(operation="ilike"), "in OSLO", "Rome", ("Oslo",)),
    Row(StringCheck("{{sample.output_json.city}}", "Oslo"), CITY, "[]"),
    *(
        Row(TextSimilarity(evaluation_metric=metric), "old Oslo town", "Rome", ("old Oslo town",))
        for metric in ("bleu", "gleu", "rouge_2", "rouge_l")
    ),
    Row(TextSimilarity(pass_threshold=0.9), "Oslo!", "Rome", ("Oslo",)),
    Row(TextSimilarity(pass_threshold=0.5, evaluation_metric="meteor"), "Oslo", "x", ("Oslo",)),
    Row(
        Multi((("a", StringCheck()), ("b", TextSimilarity(pass_threshold=0.9))), "min(a, b)"),
        *("Oslo", "so", ("Oslo",)),
    ),
    Row(Translate(), "the cat sat on the mat", "a dog", ("the cat sat on the mat",)),
    Row(Style(), "anything", "", ()),
    Row(Style(pattern=r"[A-Z].*!", max_words=3), "Drink tea!", "drink tea"),
    Row(Generation(Style(pattern=r"[A-Z].*!", max_words=3)), "Drink tea!", "drink tea"),
    Row(Generation(), "anything", " "),
]
each = pytest.mark.parametrize("row", GRADERS_UNDER_TEST, ids=lambda row: str(row.grader))


def check(score: Score) -> None:
    """The shape of every mark."""
    assert score.value is None or (isinstance(score.value, float) and 0.0 <= score.value <= 1.0)
    assert score.label is None or isinstance(score.label, str)
    assert score.reason is None or isinstance(score.reason, str)
    assert score.value is not None or score.reason
    assert all(isinstance(n, str) and n for n in score.details)
    assert all(isinstance(v, (int, float)) and v == v for v in score.details.values())


ASK_OR_RUN = {
    *(ModelGraded, ScoreModel, LabelModel, PythonGrader, Bridged),
    *(Assertions, JudgedAssertions),
}
"""Graders that ask a judge, start a process or are told by each sample what to look for; they have
tests of their own."""

NEED_OPTIONS = {"model_graded", "score_model", "label_model", "multi", "python"}


def test_every_grader_has_a_row_here() -> None:
    assert {type(row.grader) for row in GRADERS_UNDER_TEST} | ASK_OR_RUN == set(GRADERS.values())


@each
def test_right_answers_score_one(mark: Mark, row: Row) -> None:
    score = mark(row.grader, row.right, *row.ideal)
    check(score)
    assert score.value == 1.0


@each
def test_wrong_answers_score_zero(mark: Mark, row: Row) -> None:
    score = mark(row.grader, row.wrong, *row.ideal)
    check(score)
    assert score.value == (1.0 if row.grader == Style() else 0.0)


@each
def test_the_ideal_itself_scores_one(mark: Mark, row: Row) -> None:
    for ideal in row.ideal:
        assert mark(row.grader, ideal, *row.ideal).value == 1.0


@each
def test_an_empty_answer_is_no_accident(mark: Mark, row: Row) -> None:
    score = mark(row.grader, "", *row.ideal)
    check(score)
    assert score.value == (1.0 if row.grader == Style() else 0.0)


HUGE = {
    "letters": "x" * 1_000_000,
    "words": "word " * 200_000,
    "braces": "{" * 1_000_000,
    "open objects": '{"a":' * 100_000,
    "brackets": "[" * 1_000_000,
    "digits": "9" * 1_000_000,
}


@each
@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE)
def test_a_huge_answer_is_marked(mark: Mark, row: Row, text: str) -> None:
    check(mark(row.grader, text, *row.ideal))


@each
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(text=st.text(st.characters(), max_size=40))
def test_any_answer_gets_the_same_mark_twice(mark: Mark, row: Row, text: str) -> None:
    score = mark(row.grader, text, *row.ideal)
    check(score)
    assert score == mark(row.grader, text, *row.ideal)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@each
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(value=JSON)
def test_any_json_gets_a_mark(mark: Mark, row: Row, value: Any) -> None:
    check(mark(row.grader, value, *row.ideal))


@each
def test_a_sample_without_ideal_breaks_nothing(mark: Mark, row: Row) -> None:
    check(mark(row.grader, row.right))


@each
def test_graders_are_frozen_and_equal_by_their_options(row: Row) -> None:
    grader: Any = row.grader
    assert type(grader).__dataclass_params__.frozen
    assert dataclasses.replace(grader) == grader
    assert hash(dataclasses.replace(grader)) == hash(grader)


@pytest.mark.parametrize("name", sorted(GRADERS.keys() - NEED_OPTIONS))
def test_every_grader_can_be_made_without_options(name: str) -> None:
    assert make_grader(EvalSpec("e", name, Path("s.jsonl"))) == GRADERS[name]()
