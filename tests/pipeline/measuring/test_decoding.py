"""Runs that sampled differently: refused for open tasks, told for others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import RunFolderError
from harness.pipeline.finished.comparing import joined
from harness.pipeline.finished.sides import Side
from harness.pipeline.measuring.decoding import ANSWERS, Decoding, checked, differences
from harness.pipeline.measuring.measurement import Answers
from harness.pipeline.measuring.track import Track
from harness.records import (
    Completion,
    EvalSpec,
    Experiment,
    Outcome,
    Sample,
    Sampling,
    Score,
    Task,
)

NAME = "slogans.test.v1"


def spec(task: Task = "open", **sampling: Any) -> EvalSpec:
    return EvalSpec(NAME, "style", Path("none"), task=task, sampling=Sampling(n=4, **sampling))


def side(label: str, asked: EvalSpec, **changes: Any) -> Side:
    """A run in which the model answered one prompt."""
    answers = Answers(NAME, label)
    answers.add(Outcome(NAME, label, "a", 0, "k", Completion("yes"), {"accuracy": Score(1.0)}))
    heldout = {"a": Sample("a", ({"role": "user", "content": "?"},))}
    track = Track(asked, Experiment("run", (NAME,)), label, heldout, (), {(NAME, label): answers})
    return Side(label, label, (track,), **changes)


def unequal(one: EvalSpec, two: EvalSpec) -> list[str]:
    return list(differences(Decoding.of("old", one), Decoding.of("new", two)))


def test_an_open_task_sampled_differently_is_refused_with_both_values_and_the_repair() -> None:
    base, tuned = side("old", spec(temperature=0.75)), side("new", spec(temperature=1.0))
    with pytest.raises(RunFolderError) as error:
        joined(NAME, base, [tuned])
    for part in (NAME, "old and new", "temperature 0.75 and 1", "run one of them", "--force"):
        assert part in str(error.value)


def test_force_goes_on_and_the_report_says_so() -> None:
    base, tuned = side("old", spec(max_tokens=16)), side("new", spec(max_tokens=64))
    (finding,) = joined(NAME, base, [tuned], force=True).findings
    assert (finding.rule, finding.severity) == ("sampling", "warn")
    assert "max_tokens 16 and 64" in finding.message


def test_a_task_with_one_answer_is_compared_with_a_warning() -> None:
    base = side("old", spec("one-answer", temperature=0.0))
    tuned = side("new", spec("one-answer", temperature=1.0))
    (finding,) = joined(NAME, base, [tuned]).findings
    assert "temperature 0 and 1" in finding.message


def test_equal_sampling_is_no_matter() -> None:
    same = spec(temperature=1.0, top_p=0.9, extra={"top_k": 40})
    assert joined(NAME, side("old", same), [side("new", same)]).findings == ()
    assert unequal(spec(temperature=1), spec(temperature=1.0)) == []


def test_what_one_leaves_to_the_server_differs_from_what_the_other_sets() -> None:
    assert unequal(spec(), spec(temperature=1.0)) == ["temperature the server's own and 1"]


def test_seeds_and_other_fields_do_not_matter() -> None:
    assert unequal(spec(seed=1, logprobs=2), spec(seed=2, extra={"user": "me"})) == []


def test_the_number_of_answers_counts_however_they_were_asked_for() -> None:
    four = replace(spec(), repeats=4, sampling=Sampling())
    assert unequal(spec(), four) == []
    assert unequal(spec(), replace(four, repeats=8)) == [f"{ANSWERS} 4 and 8"]


def test_settings_of_the_model_itself_overrule_those_of_the_eval() -> None:
    base = side("old", spec(temperature=1.0))
    tuned = side("new", spec(temperature=1.0), overruled={"temperature": 0.2, "top_k": 5})
    with pytest.raises(RunFolderError, match=r"temperature 1 and 0\.2; top_k the server's own"):
        joined(NAME, base, [tuned])


def test_a_log_does_not_say_how_it_was_sampled() -> None:
    known = Decoding.of("old", spec(temperature=1.0))
    (finding,) = checked(spec(), [known, Decoding("new", None)])
    assert "how new was sampled is not in the log" in finding.message
    assert checked(spec("one-answer"), [known, Decoding("new", None)]) == ()
