from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import DatasetError
from harness.openai_evals.logs import read_log, regraded
from harness.records import Failure, Outcome

GOLDEN_NAMES = [
    *("2d_movement.dev.v0", "ambiguous-sentences.dev.v0", "balance-chemical-equation.dev.v0"),
    *("icelandic-inflection-easy.dev.v0", "test-fuzzy-match.s1.simple-v0"),
    "test-includes.s1.simple-v0",
]
Line = dict[str, Any]


def lines_of(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def write_lines(path: Path, lines: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


# --- logs that the reference wrote ---------------------------------------------------


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_marking_an_old_log_anew_gives_its_final_report(golden: Path, name: str) -> None:
    log = read_log(golden / f"{name}.jsonl")
    assert log.eval_name == name
    assert log.model == "gpt-3.5-turbo"
    assert log.max_samples == 8
    assert log.final_report is not None
    theirs, ours = dict(log.final_report), dict(regraded(log))
    spreads = [report.pop("boostrap_std", None) for report in (theirs, ours)]
    assert ours == theirs
    assert list(ours) == list(theirs)
    if spreads[0] is not None:
        assert spreads[1] == pytest.approx(spreads[0], rel=0.1)


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_the_order_of_lines_does_not_matter(golden: Path, tmp_path: Path, name: str) -> None:
    lines = lines_of(golden / f"{name}.jsonl")
    expected = read_log(golden / f"{name}.jsonl")
    for seed in range(3):
        random.Random(seed).shuffle(lines)
        found = read_log(write_lines(tmp_path / "log.jsonl", lines))
        assert replace(found, path=expected.path) == expected


def test_samples_and_answers_come_out_of_an_old_log(golden: Path) -> None:
    log = read_log(golden / "test-fuzzy-match.s1.simple-v0.jsonl")
    sample = log.samples["test-fuzzy-match.s1.1"]
    assert sample.ideal == ("Season 11", "11")
    assert sample.messages[-1]["content"] == "What season did derek die in grey's?"
    (answer,) = (one for one in log.outcomes if one.sample_id == sample.id)
    assert answer.completion is not None
    assert answer.completion.text == "no idea"
    assert answer.scores["accuracy"].value == 0
    assert answer.scores["accuracy"].details == {"f1_score": 0}


# --- what we write, read back --------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
RESULTS = st.lists(
    st.one_of(
        st.tuples(TEXT, st.lists(TEXT, min_size=1, max_size=3)),
        st.tuples(st.none(), st.just(["lost"])),
    ),
    min_size=1,
    max_size=6,
)
steady = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)


@steady
@given(
    answers=RESULTS,
    grader=st.sampled_from(["match", "includes", "fuzzy_match", "json_match", "json_validator"]),
    seed=st.integers(0, 99),
)
def test_a_written_log_shuffled_gives_the_same_outcomes(
    tmp_path: Path, small: Any, answers: Any, grader: str, seed: int
) -> None:
    run = small(grader, [(text or "", ideal) for text, ideal in answers])
    outcomes = tuple(
        lost(one) if text is None else one
        for one, (text, _) in zip(run.outcomes, answers, strict=True)
    )
    path = tmp_path / "log.jsonl"
    report = replace(run, outcomes=outcomes).write(path)
    lines = lines_of(path)
    random.Random(seed).shuffle(lines)
    log = read_log(write_lines(path, lines))
    assert [essence(one) for one in log.outcomes] == [essence(one) for one in outcomes]
    assert log.final_report == report
    assert regraded(log) == pytest.approx(report, nan_ok=True)
    for sample, one in zip(run.samples, outcomes, strict=True):
        if one.failure is None:
            assert log.samples[sample.id].messages == sample.messages


def lost(one: Outcome) -> Outcome:
    return replace(one, completion=None, scores={}, failure=Failure("rate_limited", "no luck"))


def essence(one: Outcome) -> tuple[Any, ...]:
    """What a log can say about an outcome."""
    score = one.scores.get("accuracy")
    return (
        (one.eval, one.model, one.sample_id, one.repeat, one.failure),
        one.completion and (one.completion.text, one.completion.usage),
        score and (score.value, dict(score.details)),
    )


def test_repeats_keep_their_numbers_even_where_the_first_failed(
    tmp_path: Path, matches: Any, mark_one: Any
) -> None:
    spec = replace(matches.spec, repeats=3)
    (sample, *_) = matches.samples
    first = lost(mark_one(spec, sample, "x"))
    others = [mark_one(spec, sample, text, i) for i, text in ((2, "Oslo"), (1, "Rome"))]
    path = tmp_path / "log.jsonl"
    replace(matches, spec=spec, outcomes=(first, *others)).write(path)
    assert [essence(one) for one in read_log(path).outcomes] == [
        essence(one) for one in (first, *others)
    ]


# --- logs of earlier versions --------------------------------------------------------

SPEC_2023: Line = {
    "spec": {
        "model_name": "gpt-4",
        "model_names": {"completion": ["gpt-4"]},
        "eval_name": "test-match.s1.simple-v0",
        "base_eval": "test-match",
        "split": "s1",
        "run_config": {
            "model_specs": {"completions_": [{"name": "gpt-4", "is_chat": True}]},
            "eval_spec": {
                "cls": "evals.elsuite.basic.match:Match",
                "args": {"samples_jsonl": "test_match/samples.jsonl"},
                "key": "test-match.s1.simple-v0",
                "group": "test-basic",
            },
            "seed": 20220722,
            "max_samples": None,
        },
        "run_id": "230317",
    }
}


def event(number: int, kind: str, sample: str = "a.s1.0", /, **data: Any) -> Line:
    about = {"run_id": "230317", "event_id": number, "sample_id": sample, "type": kind}
    return {**about, "data": data}


def test_a_log_of_the_first_version_is_read(tmp_path: Path) -> None:
    asked = [{"role": "user", "content": "The first president was"}]
    lines = [
        SPEC_2023,
        event(0, "raw_sample", input=asked, ideal="George"),
        event(
            1,
            "sampling",
            prompt=asked,
            sampled="George Washington",
            options=["George"],
            picked="George",
            expected=["George"],
            match=True,
            metadata={"model": "gpt-4-0314"},
        ),
        event(2, "match", correct=True, expected="George", picked="George"),
        {"final_report": {"accuracy": 1.0}},
    ]
    log = read_log(write_lines(tmp_path / "old.jsonl", lines))
    assert (log.model, log.class_name.rpartition(":")[2]) == ("gpt-4", "Match")
    assert log.samples["a.s1.0"].messages == tuple(asked)
    assert log.samples["a.s1.0"].ideal == ("George",)
    assert log.notes == ()
    assert regraded(log)["accuracy"] == 1.0


def test_prompts_and_answers_that_are_plain_text_are_read(tmp_path: Path) -> None:
    lines = [
        SPEC_2023,
        event(0, "sampling", prompt="Founded in 20\nAssistant: ", sampled="15."),
        event(1, "match", correct=True, expected="15", picked="15", sampled="15."),
    ]
    log = read_log(write_lines(tmp_path / "old.jsonl", lines))
    assert log.samples["a.s1.0"].messages[0]["content"].startswith("Founded")
    assert log.outcomes[0].completion is not None
    assert log.outcomes[0].completion.text == "15."


def test_answers_that_only_the_match_event_holds_are_read(tmp_path: Path) -> None:
    lines = [SPEC_2023, event(0, "match", correct=False, expected="x", picked=None, sampled="y")]
    (answer,) = read_log(write_lines(tmp_path / "old.jsonl", lines)).outcomes
    assert answer.completion is not None
    assert (answer.completion.text, answer.scores["accuracy"].value) == ("y", 0.0)


def test_metrics_without_a_match_are_a_verdict(tmp_path: Path) -> None:
    lines = [
        SPEC_2023,
        event(0, "sampling", prompt="?", sampled=["a"]),
        event(1, "metrics", accuracy=0.5, speed=3),
    ]
    (answer,) = read_log(write_lines(tmp_path / "old.jsonl", lines)).outcomes
    assert answer.scores["accuracy"].value == 0.5
    assert answer.scores["accuracy"].details == {"speed": 3.0}


def test_a_judges_answer_is_no_answer_of_the_model(tmp_path: Path) -> None:
    spec = json.loads(json.dumps(SPEC_2023))
    spec["spec"]["completion_fns"] = ["small", "gpt-4"]
    cls = "evals.elsuite.modelgraded.classify:ModelBasedClassify"
    spec["spec"]["run_config"]["eval_spec"]["cls"] = cls
    asked = [{"role": "user", "content": "Tell a joke"}]
    lines = [
        spec,
        event(0, "sampling", prompt=asked, sampled=["Knock knock"]),
        event(1, "sampling", prompt="Is it funny?", sampled=["Reasons...\nYes"]),
        event(2, "metrics", choice="Yes", score=1.0),
        event(3, "sampling", "a.s1.1", prompt=asked, sampled=["Hm"]),
        event(4, "sampling", "a.s1.1", prompt="Is it funny?", sampled=["?"]),
        event(5, "metrics", "a.s1.1", choice="__invalid__", score=0.0),
    ]
    log = read_log(write_lines(tmp_path / "judged.jsonl", lines))
    assert log.model == "small"
    first, second = log.outcomes
    assert first.completion is not None
    assert first.completion.text == "Knock knock"
    assert first.scores["accuracy"].judged[0].text == "Reasons...\nYes"
    assert second.scores["accuracy"].details == {"choice/Yes": 0.0, "choice/__invalid__": 1.0}
    assert regraded(log) == {"counts/Yes": 1, "counts/__invalid__": 1, "score": 0.5}


# --- logs that something happened to -------------------------------------------------


def test_a_run_that_was_lost_is_read_and_noted(golden: Path, tmp_path: Path) -> None:
    lines = lines_of(golden / "2d_movement.dev.v0.jsonl")
    lines = [line for line in lines if "final_report" not in line]
    log = read_log(write_lines(tmp_path / "lost.jsonl", lines))
    assert log.final_report is None
    assert "no final report" in log.notes[0]
    assert regraded(log)["accuracy"] == 1.0


def test_an_answer_without_a_verdict_has_no_mark(tmp_path: Path) -> None:
    lines = [SPEC_2023, event(0, "sampling", prompt="?", sampled=["a"])]
    (answer,) = read_log(write_lines(tmp_path / "lost.jsonl", lines)).outcomes
    assert answer.scores["accuracy"].value is None


def test_an_error_is_a_failure_not_a_wrong_answer(tmp_path: Path) -> None:
    lines = [SPEC_2023, event(0, "error", type="APIError", message="overloaded")]
    log = read_log(write_lines(tmp_path / "errors.jsonl", lines))
    assert log.outcomes[0].failure == Failure("APIError", "overloaded")
    assert regraded(log)["accuracy"] is None


def test_a_torn_last_line_is_left_out_and_noted(golden: Path, tmp_path: Path) -> None:
    path = tmp_path / "torn.jsonl"
    text = (golden / "2d_movement.dev.v0.jsonl").read_text()
    path.write_text(text.rstrip("\n")[:-40])
    log = read_log(path)
    assert "line 18, the last one, is torn" in log.notes[0]


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text(json.dumps(SPEC_2023) + '\n{"type": \n' + json.dumps({"final_report": {}}))
    with pytest.raises(DatasetError, match=r"broken.jsonl:2: is no JSON object"):
        read_log(path)


def test_numbers_that_are_none_are_read(tmp_path: Path) -> None:
    lines = [SPEC_2023, {"final_report": {"accuracy": math.nan}}]
    log = read_log(write_lines(tmp_path / "nan.jsonl", lines))
    assert log.final_report is not None
    assert math.isnan(log.final_report["accuracy"])


@pytest.mark.parametrize("second", [SPEC_2023, {**event(9, "match"), "run_id": "240101"}])
def test_several_runs_in_one_file_are_refused(tmp_path: Path, second: Line) -> None:
    path = write_lines(tmp_path / "two.jsonl", [SPEC_2023, event(0, "match"), second])
    with pytest.raises(DatasetError, match=r"two.jsonl:3: .*split the file: one log a run"):
        read_log(path)


def test_a_file_that_is_no_log_is_refused(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "samples.jsonl", [{"input": "?", "ideal": "!"}])
    with pytest.raises(DatasetError, match="is no log of OpenAI evals"):
        read_log(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
KEYS = ["correct", "expected", "picked", "sampled", "prompt", "score", "choice", "usage", "repeat"]


@steady
@given(
    events=st.lists(
        st.tuples(
            st.sampled_from(["sampling", "match", "metrics", "error", "raw_sample", "extra"]),
            st.dictionaries(st.sampled_from([*KEYS, "input", "ideal", "message"]), JSON),
        ),
        max_size=5,
    )
)
def test_no_event_is_too_odd_to_be_read(tmp_path: Path, events: Any) -> None:
    lines = [event(i, kind, **data) for i, (kind, data) in enumerate(events)]
    log = read_log(write_lines(tmp_path / "odd.jsonl", [SPEC_2023, *lines]))
    regraded(log)
