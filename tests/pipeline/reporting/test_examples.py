from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from harness.pipeline.measuring.measurement import answers_by_model
from harness.pipeline.measuring.track import Track
from harness.pipeline.reporting.documents import section, title_of
from harness.pipeline.reporting.examples import (
    LEAST_READ,
    SAMPLES_READ,
    flips_of,
    galleries_of,
    misses_of,
    samples_read,
)
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


def test_only_some_wrong_answers_are_read_and_the_others_counted() -> None:
    wrong = (outcome("base", f"s{i}", 0.0, "blue") for i in range(60))
    misses, omitted = misses_of(track(*wrong, samples=60), 20)
    assert (len(misses), omitted) == (20, 40)
    numbers = [int(miss.sample_id[1:]) for miss in misses]
    assert numbers == sorted(numbers)
    assert max(numbers) > 40, "equally wrong ones are taken from everywhere"


def test_many_evals_have_fewer_samples_read_but_always_some() -> None:
    assert samples_read(1) == SAMPLES_READ
    assert samples_read(4) * 4 <= SAMPLES_READ
    assert samples_read(1_000) == LEAST_READ


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


def test_of_too_many_changes_as_many_of_each_kind_and_model_are_read() -> None:
    outcomes = [outcome("base", f"s{i}", float(i % 10 == 0), "blue") for i in range(200)]
    for model in "ab":
        outcomes += [outcome(model, f"s{i}", float(i % 3 == 0), "red") for i in range(200)]
    found = track(*outcomes, others=("a", "b"), samples=200)
    flips, omitted = flips_of(found, (), 30)
    assert (len(flips), omitted) == (30, 2 * (200 - 7) - 30)
    counts = Counter((flip.kind, flip.tuned_model) for flip in flips)
    assert set(counts.values()) == {5}
    assert flips_of(found, (), 30) == (flips, omitted)


def test_changed_samples_name_their_document() -> None:
    found = compared("a")
    heldout = {key: replace(sample, cluster="d1") for key, sample in found.heldout.items()}
    flips, _ = flips_of(replace(found, heldout=heldout), ())
    assert {flip.cluster for flip in flips} == {"d1"}


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
