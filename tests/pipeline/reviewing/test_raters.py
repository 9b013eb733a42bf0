"""Who agrees with whom: people, the grader, and other judges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.pipeline import report_of
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.measuring.measurement import answers_in
from harness.pipeline.reviewing.raters import (
    FEWEST,
    PEOPLE,
    Raters,
    between_runs,
    findings,
    lookup_in,
    machine_of,
    raters_of,
)
from harness.pipeline.reviewing.reviews import (
    Opinion,
    Review,
    add_review,
    answer_hash,
    read_reviews,
)
from harness.records import EvalSpec
from harness.running.journal import Contents
from tests.small_run import EVAL, TUNED, made_run, outcome, tuned_mark

Opinions = Callable[[int], Opinion]


def always_right(number: int) -> float | None:
    return 1.0


def as_graded(number: int) -> Opinion:
    return "right" if tuned_mark(number) else "wrong"


def reviewed(
    folder: RunFolder, numbers: Sequence[int], say: Opinions, who: str = "ana", drawn: bool = True
) -> None:
    for number in numbers:
        one = outcome(TUNED, number, 1.0)
        add_review(
            folder,
            Review(
                *(EVAL, TUNED, one.sample_id, 0, one.request_key, answer_hash(one)),
                say(number),
                who,
                "2026-01-01T00:00:00+00:00",
                drawn=drawn,
            ),
        )


def told(folder: RunFolder) -> list[Raters]:
    lookup = lookup_in(answers_in(Contents.of(folder.journal)))
    return list(raters_of(folder.read(), read_reviews(folder), lookup))


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return made_run(tmp_path / "run", samples=60)


ANSWERED = [n for n in range(60) if tuned_mark(n) is not None]


def test_people_who_say_what_the_grader_says_agree_with_it(folder: RunFolder) -> None:
    reviewed(folder, ANSWERED, as_graded)
    (found,) = told(folder)
    assert (found.eval, found.first, found.second, found.n) == (EVAL, PEOPLE, "grader", 54)
    assert found.is_good
    assert found.found is not None
    assert found.found.kappa is not None
    assert found.found.kappa.value == 1
    assert "can stand in" in found.advice
    assert found.disagreements == ()


def test_a_harsh_grader_is_named_with_its_counts_and_what_to_do(folder: RunFolder) -> None:
    reviewed(folder, ANSWERED, lambda number: "right" if number < 54 else "wrong")
    (found,) = told(folder)
    assert found.is_poor
    wrong = sum(tuned_mark(n) == 0 for n in ANSWERED)
    harsh = sum(tuned_mark(n) == 0 and n < 54 for n in ANSWERED)
    assert f"calls {wrong} answers wrong, {harsh} of which people call right" in found.advice
    assert "regrade" in found.advice
    (finding,) = findings([found])
    assert (finding.rule, finding.severity) == ("agreement", "warn")
    assert finding.evidence["n"] == 54


def test_few_reviews_say_nothing_yet(folder: RunFolder) -> None:
    reviewed(folder, ANSWERED[: FEWEST - 1], lambda number: "right")
    (found,) = told(folder)
    assert f"not enough answers to tell: 19 of at least {FEWEST}" in found.advice
    assert not found.is_poor
    assert [one.severity for one in findings([found])] == ["info"]


def test_one_verdict_only_says_nothing_about_telling_apart(tmp_path: Path) -> None:
    folder = made_run(tmp_path / "run", 60, marks=(always_right, always_right))
    reviewed(folder, range(30), lambda number: "right")
    (found,) = told(folder)
    assert found.found is not None
    assert found.found.kappa is None
    assert "says nothing" in found.advice


def test_an_answer_that_was_replaced_makes_its_review_stale(tmp_path: Path) -> None:
    folder = made_run(tmp_path / "run")
    reviewed(folder, [1, 2], lambda number: "right")
    other = replace(read_reviews(folder)[0], text_hash="of another text")
    add_review(folder, other)
    (found,) = told(folder)
    assert (found.n, found.left_out.stale) == (1, 1)


def test_unsure_and_split_and_unmarked_answers_are_left_out_and_counted(folder: RunFolder) -> None:
    reviewed(folder, [1], lambda number: "unsure")
    reviewed(folder, [2], lambda number: "right")
    reviewed(folder, [2], lambda number: "wrong", who="bo")
    (found, people) = told(folder)
    assert (found.n, found.left_out.unsure) == (0, 2)
    assert (people.first, people.second, people.n) == ("ana", "bo", 1)
    assert list(findings([found])) == []


def test_drawn_answers_count_alone_where_they_are_enough(folder: RunFolder) -> None:
    reviewed(folder, ANSWERED[:FEWEST], as_graded)
    wrong = [n for n in ANSWERED[FEWEST:] if tuned_mark(n) == 0]
    reviewed(folder, wrong, lambda number: "right", drawn=False)
    (found,) = told(folder)
    assert (found.n, found.is_drawn) == (FEWEST, True)
    assert len(found.disagreements) == len(wrong)


def test_picked_answers_are_called_so(folder: RunFolder) -> None:
    reviewed(folder, ANSWERED, as_graded, drawn=False)
    (found,) = told(folder)
    assert not found.is_drawn
    assert "picked, not drawn" in found.advice


def test_two_runs_with_the_same_answers_show_how_their_judges_agree(tmp_path: Path) -> None:
    one = made_run(tmp_path / "one", 60)
    other = made_run(tmp_path / "two", 60, marks=(lambda number: 1.0, tuned_mark))
    (found,) = between_runs(one, other, ("strict", "kind"))
    assert (found.first, found.second, found.n) == ("strict", "kind", 60 + len(ANSWERED))
    assert found.count("wrong", "right") == 45
    assert {pair.place.model for pair in found.disagreements} == {"tiny-base"}
    assert "strict and kind agree on 69 of 114 answers" in found.advice


def test_runs_with_other_answers_have_nothing_in_common(tmp_path: Path) -> None:
    one = made_run(tmp_path / "one", 4)
    other = made_run(tmp_path / "two", 4, lines=[{"input": "x", "ideal": "y"}])
    assert [raters.n for raters in between_runs(one, other, ("a", "b"))] == [2]


def test_a_model_that_judges_is_called_a_judge() -> None:
    assert machine_of(EvalSpec("a", "model_graded", Path("a"))) == "judge"
    assert machine_of(EvalSpec("a", "match", Path("a"))) == "grader"


def test_the_report_tells_of_reviews_where_there_are_some(folder: RunFolder) -> None:
    def rules() -> list[str]:
        (section,) = report_of(folder.path).sections
        return [finding.rule for finding in section.findings]

    assert "agreement" not in rules()
    reviewed(folder, ANSWERED, as_graded)
    assert "agreement" in rules()
