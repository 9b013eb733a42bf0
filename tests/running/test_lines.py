from __future__ import annotations

from types import MappingProxyType

import numpy as np
import orjson
import pytest

from harness.records import Completion, Failure, Outcome, Score, Usage
from harness.running.lines import line_of, outcome_of

TOKEN = {"token": "a", "logprob": -0.5, "top_logprobs": []}
FULL = Completion("Hi", "stop", Usage(3, 1), 0.5, replayed=True, logprobs=(TOKEN,))
SCORES = {"f1": Score(0.5, "Hi", "close", {"f1_score": 0.25}), "none": Score(None, reason="why")}


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome("e", "m", "s", 0, "k"),
        Outcome("e", "m", "s", 3, "k", Completion("")),
        Outcome("e", "m", "s", 0, "k", FULL, SCORES),
        Outcome("e", "m", "s", 0, "k", failure=Failure("rejected", "why")),
        Outcome("e\n", "m\u2028", "s\u00e9", 0, "k", Completion("a\nb\r\x00")),
    ],
)
def test_an_outcome_survives_the_way_to_the_file_and_back(outcome: Outcome) -> None:
    line = line_of(outcome)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert outcome_of(orjson.loads(line)) == outcome


def test_defaults_are_left_out() -> None:
    line = line_of(Outcome("e", "m", "s", 0, "k", Completion("a"), {"x": Score(1.0)}))
    assert orjson.loads(line) == {
        "eval": "e",
        "model": "m",
        "sample_id": "s",
        "repeat": 0,
        "request_key": "k",
        "completion": {"text": "a", "latency_s": 0.0},
        "scores": {"x": {"value": 1.0}},
    }


def test_half_a_character_is_no_reason_to_lose_an_answer() -> None:
    outcome = Outcome("e", "m", "s", 0, "k", Completion("a\ud83d", logprobs=({"t": "\ud83d"},)))
    completion = outcome_of(orjson.loads(line_of(outcome))).completion
    assert completion is not None
    assert completion.text == "a?"


def test_a_number_that_is_none_is_no_mark() -> None:
    outcome = Outcome("e", "m", "s", 0, "k", scores={"x": Score(float("nan"))})
    assert outcome_of(orjson.loads(line_of(outcome))).scores["x"].value is None


def test_numbers_and_mappings_of_graders_may_be_foreign() -> None:
    details = MappingProxyType({"f1": np.float64(0.5)})
    score = Score(np.float32(0.5), details=details)  # type: ignore[arg-type]
    line = line_of(Outcome("e", "m", "s", 0, "k", scores={"x": score}))
    assert outcome_of(orjson.loads(line)).scores["x"] == Score(0.5, details={"f1": 0.5})
