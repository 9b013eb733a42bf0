"""Ideals that every answer meets, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.pipeline.questions.ideals import EmptyIdeals, IdealMarks, empty_ideals, rejected_ideals
from harness.records import EvalSpec, Sample

SPEC = EvalSpec("tickets.test.v1", "includes", Path("tickets.jsonl"))


def samples(*ideals: tuple[str, ...]) -> list[Sample]:
    return [Sample(f"tickets.test.{i}", (), ideal) for i, ideal in enumerate(ideals)]


@pytest.mark.parametrize("grader", ["match", "includes"])
def test_samples_with_an_empty_ideal_are_named(grader: str) -> None:
    spec = EvalSpec("tickets.test.v1", grader, Path("tickets.jsonl"))
    found = empty_ideals(spec, samples(("a",), ("",), ("b", "")))
    assert found is not None
    assert found.severity == "warn"
    assert "2 of 3 samples" in found.message
    assert "tickets.test.1, tickets.test.2" in found.message
    assert "tickets.jsonl" in found.message


def test_a_grader_that_an_empty_ideal_does_not_fool_is_not_warned_about() -> None:
    spec = EvalSpec("tickets.test.v1", "fuzzy_match", Path("tickets.jsonl"))
    assert empty_ideals(spec, samples(("",))) is None
    assert empty_ideals(SPEC, samples(("a",))) is None


def test_empty_ideals_are_found_while_samples_pass_to_somebody_else() -> None:
    empty = EmptyIdeals(SPEC)
    passed = list(empty.passing(samples(("a",), ("",))))
    assert [sample.ideal for sample in passed] == [("a",), ("",)]
    assert empty.finding() == empty_ideals(SPEC, samples(("a",), ("",)))


def test_only_the_first_of_many_samples_are_named() -> None:
    found = empty_ideals(SPEC, samples(*[("",)] * 12))
    assert found is not None
    assert "tickets.test.4 and 7 more" in found.message
    assert len(found.evidence["samples"]) == 12


def test_ideals_that_the_grader_rejects_are_named() -> None:
    ideals = IdealMarks()
    ideals.add("s.0", 1.0)
    assert rejected_ideals(SPEC, ideals) is None
    ideals.add("s.1", 0.5)
    found = rejected_ideals(SPEC, ideals)
    assert found is not None
    assert "1 of 2 samples" in found.message
    assert "s.1" in found.message
