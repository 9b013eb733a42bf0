"""Our graders held against the reference package's own functions and logs."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.graders import make_grader
from harness.graders.structured import JsonMatch, JsonValidator
from harness.graders.text import FuzzyMatch, Includes, Match
from harness.records import EvalSpec, Score

pytestmark = pytest.mark.oracle

Mark = Callable[..., Score]
steady = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)

WORDS = st.sampled_from(["the", "A", "an", "Oslo", "oslo", "11.", "s-a", "'", "İ", "ß", "\u00a0"])
TEXT = st.text(st.characters(), max_size=8) | st.lists(WORDS, max_size=5).map(" ".join)
IDEALS = st.lists(TEXT, min_size=1, max_size=3)


@pytest.fixture(scope="module")
def utils(reference: ModuleType) -> Any:
    return importlib.import_module("evals.elsuite.utils")


@pytest.fixture(scope="module")
def picked(reference: ModuleType) -> Callable[[str, list[str]], str | None]:
    """The reference's Match, run with a recorder that keeps nothing."""
    record = importlib.import_module("evals.record")

    def pick(text: str, ideals: list[str]) -> str | None:
        recorder = record.DummyRecorder(None)
        with recorder.as_default_recorder("a.b.0"):
            return reference.record_and_check_match(  # type: ignore[no-any-return]
                prompt="?", sampled=text, expected=ideals
            )

    return pick


@steady
@given(text=TEXT, ideals=IDEALS)
def test_match(
    mark: Mark, picked: Callable[[str, list[str]], str | None], text: str, ideals: list[str]
) -> None:
    theirs = picked(text, ideals)
    ours = mark(Match(), text, *ideals)
    assert (ours.label, ours.value) == (theirs, float(theirs is not None))


@steady
@given(text=TEXT, ideals=IDEALS, ignore_case=st.booleans())
def test_includes(mark: Mark, utils: Any, text: str, ideals: list[str], ignore_case: bool) -> None:
    theirs = any(utils.get_answer(text, ideal, ignore_case) is not None for ideal in ideals)
    assert mark(Includes(ignore_case), text, *ideals).value == float(theirs)


@steady
@given(text=TEXT, ideals=IDEALS)
def test_fuzzy_match_and_f1(mark: Mark, utils: Any, text: str, ideals: list[str]) -> None:
    ours = mark(FuzzyMatch(), text, *ideals)
    assert ours.value == float(any(utils.fuzzy_match(text, ideal) for ideal in ideals))
    assert repr(ours.details["f1_score"]) == repr(utils.f1_score(text, ideals))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.floats() | st.sampled_from("ab"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)


@steady
@given(answer=JSON, ideal=JSON)
def test_json_match(mark: Mark, reference: ModuleType, answer: Any, ideal: Any) -> None:
    json_match = importlib.import_module("evals.elsuite.basic.json_match").json_match
    for one, other in ((answer, ideal), (ideal, ideal)):
        texts = json.dumps(one), json.dumps(other)
        theirs = json_match(*map(json.loads, texts))
        assert mark(JsonMatch(), *texts).value == float(theirs)


@steady
@given(text=TEXT | st.text("{}[]:,\"'0123456789.eE-NaIfinty ", max_size=9))
def test_json_validator(mark: Mark, reference: ModuleType, text: str) -> None:
    valid = importlib.import_module("evals.elsuite.basic.json_validator").is_valid_json
    assert mark(JsonValidator(), text).value == float(valid(text))


# --- logs that the reference wrote ---------------------------------------------------

CLASSES = {"Match": "match", "Includes": "includes", "FuzzyMatch": "fuzzy_match"}


def events_of(path: Path) -> tuple[str, list[Mapping[str, Any]]]:
    lines = [json.loads(line) for line in path.read_text().rstrip().split("\n")]
    name = lines[0]["spec"]["run_config"]["eval_spec"]["cls"].rpartition(":")[2]
    return {**CLASSES, "JsonMatch": "json_match"}[name], lines


@pytest.mark.parametrize(
    "name",
    [
        *("2d_movement.dev.v0", "ambiguous-sentences.dev.v0", "balance-chemical-equation.dev.v0"),
        *("icelandic-inflection-easy.dev.v0", "test-fuzzy-match.s1.simple-v0"),
        "test-includes.s1.simple-v0",
    ],
)
def test_old_logs_get_the_marks_that_they_carry(golden: Path, mark: Mark, name: str) -> None:
    grader_name, events = events_of(golden / f"{name}.jsonl")
    grader = make_grader(EvalSpec(name, grader_name, Path("s.jsonl")))
    sampled = {
        e["sample_id"]: e["data"]["sampled"][0] for e in events if e.get("type") == "sampling"
    }
    scores: dict[str, Score] = {}
    for event in (e for e in events if e.get("type") == "match"):
        expected = event["data"]["expected"]
        ideals = expected if isinstance(expected, list) else [expected]
        score = scores[event["sample_id"]] = mark(grader, sampled[event["sample_id"]], *ideals)
        assert score.value == float(event["data"]["correct"])
    for event in (e for e in events if e.get("type") == "metrics" and "f1_score" in e["data"]):
        f1 = scores[event["sample_id"]].details["f1_score"]
        assert math.isclose(f1, event["data"]["f1_score"])
    assert len(scores) == len(sampled) > 0
