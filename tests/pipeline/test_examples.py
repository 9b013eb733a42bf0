from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.pipeline.examples import (
    FLIPS_SHOWN,
    MISSES_SHOWN,
    flips_of,
    galleries_of,
    misses_of,
)
from harness.pipeline.measurement import answers_by_model
from harness.pipeline.reporting import section, title_of
from harness.pipeline.track import Track
from harness.records import (
    Completion,
    EvalSpec,
    Experiment,
    Failure,
    Outcome,
    Sample,
    Score,
    Study,
)
from harness.reports.document import Exclusion

SPEC = EvalSpec("colours", "match", Path("colours.jsonl"))


def outcome(model: str, sample: str, value: float | None, text: str, repeat: int = 0) -> Outcome:
    score = Score(value, reason="not the colour" if value != 1 else None)
    return Outcome("colours", model, sample, repeat, "k", Completion(text), {"accuracy": score})


def track(*outcomes: Outcome, others: tuple[str, ...] = (), samples: int = 3) -> Track:
    heldout = {
        f"s{i}": Sample(f"s{i}", ({"role": "user", "content": f"colour {i}?"},), ("red", "Red"))
        for i in range(samples)
    }
    answers = answers_by_model(outcomes)
    return Track(SPEC, Experiment("e", ("colours",), others=others), "base", heldout, (), answers)


def test_a_lone_model_shows_what_it_got_wrong_with_the_graders_reason() -> None:
    (first,), omitted = misses_of(
        track(outcome("base", "s0", 1.0, "red"), outcome("base", "s1", 0.0, "blue"))
    )
    assert (first.sample_id, first.answer, first.ideal) == ("s1", "blue", "red | Red")
    assert (first.prompt, first.reason, first.mark) == ("user: colour 1?", "not the colour", 0)
    assert omitted == 0


def test_the_worst_come_first_and_of_repeats_the_first_wrong_one_is_shown() -> None:
    misses, _ = misses_of(
        track(
            outcome("base", "s0", 1.0, "red", 0),
            outcome("base", "s0", 0.0, "green", 1),
            outcome("base", "s1", 0.0, "blue"),
        )
    )
    assert [(m.sample_id, m.answer, m.mark) for m in misses] == [
        ("s1", "blue", 0),
        ("s0", "green", 0.5),
    ]


def test_an_answer_without_a_mark_is_not_wrong() -> None:
    unmarked = track(outcome("base", "s0", None, "?"))
    assert misses_of(unmarked) == ((), 0)
    assert section(unmarked).results[0].excluded == 3


def test_only_some_wrong_answers_are_shown_and_the_others_counted() -> None:
    many = MISSES_SHOWN + 7
    wrong = (outcome("base", f"s{i}", 0.0, "blue") for i in range(many))
    misses, omitted = misses_of(track(*wrong, samples=many))
    assert (len(misses), omitted) == (MISSES_SHOWN, 7)


def test_references_of_an_open_task_are_not_shown_as_the_one_right_answer() -> None:
    found = track(outcome("base", "s0", 0.0, "no"))
    (miss,), _ = misses_of(replace(found, spec=replace(SPEC, task="open")))
    assert miss.ideal == ""


def compared(*others: str) -> Track:
    outcomes = [outcome("base", "s0", 0.0, "blue"), outcome("base", "s1", 1.0, "red")]
    for model in others:
        outcomes += [outcome(model, "s0", 1.0, "red"), outcome(model, "s1", 0.0, "pink")]
    return track(*outcomes, others=others)


def test_without_epochs_every_model_shows_what_it_changed() -> None:
    found = compared("a", "b")
    flips, omitted = flips_of(found, ())
    assert [(f.kind, f.tuned_model, f.tuned_text) for f in flips] == [
        ("broken", "a", "pink"),
        ("fixed", "a", "red"),
        ("broken", "b", "pink"),
        ("fixed", "b", "red"),
    ]
    assert omitted == 0
    assert misses_of(found) == ((), 0)
    assert len(flips) < FLIPS_SHOWN


def test_without_epochs_open_tasks_show_every_model_by_its_name() -> None:
    found = compared("a", "b")
    galleries = galleries_of(replace(found, spec=replace(SPEC, task="open")), ())
    assert galleries[0].answers == {"base": ("blue",), "a": ("red",), "b": ("red",)}
    assert galleries_of(found, ()) == ()


@pytest.mark.parametrize(
    ("task", "mark", "metric"),
    [
        ("one-answer", 1.0, "accuracy"),
        ("one-answer", 0.7, "score"),
        ("open", 0.7, "format compliance"),
    ],
)
def test_comparisons_and_section_call_the_score_by_one_name(task, mark, metric) -> None:
    found = track(outcome("base", "s0", 0.0, "a"), outcome("t", "s0", mark, "b"), others=("t",))
    grader = "style" if task == "open" else SPEC.grader
    told = section(replace(found, spec=replace(SPEC, task=task, grader=grader)))
    assert told.metric == metric
    assert [c.metric for c in told.comparisons] == [metric]


def test_samples_that_nobody_asked_are_left_out_and_named() -> None:
    failed = Outcome("colours", "base", "s1", 0, "k", failure=Failure("rejected", "too long"))
    told = section(track(outcome("base", "s0", 1.0, "red"), failed, others=("t",)))
    assert told.exclusions == (
        Exclusion("base", "rejected", 1, "too long"),
        Exclusion("base", "not_asked", 1, "the run folder holds no answer to it"),
        Exclusion("t", "not_asked", 3, "the run folder holds no answer to it"),
    )


@pytest.mark.parametrize(
    ("name", "others", "evals", "title"),
    [
        ("run", (), ["orders"], "tiny on orders"),
        ("run", (), ["a", "b"], "tiny on 2 evals"),
        ("compare", ("x",), ["a"], "x against tiny"),
        ("compare", ("x", "y"), ["a"], "2 models against tiny"),
        ("my study", (), ["a"], "my study"),
    ],
)
def test_a_report_is_called_by_what_it_measured(name, others, evals, title) -> None:
    study = Study(name, "tiny", (Experiment(name, tuple(evals), others=others),))
    assert title_of(study, evals) == title


def test_an_eval_that_nobody_answered_has_a_section() -> None:
    told = section(track())
    assert (told.results, told.misses) == ((), ())
    assert told.exclusions[0].count == 3
