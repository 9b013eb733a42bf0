"""Which evals are classifications, and which label an answer names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.pipeline.measuring.classes import MOST_CLASSES, NO_LABEL, UNACCEPTED, Classes
from harness.records import EvalSpec, Sample, Task


def spec(task: Task = "one-answer") -> EvalSpec:
    return EvalSpec("e", "match", Path("x.jsonl"), task)


def samples(*ideals: str | Sequence[str], times: int = 3) -> list[Sample]:
    each = [(one,) if isinstance(one, str) else tuple(one) for one in ideals]
    return [Sample(f"s{i}", (), ideal) for i, ideal in enumerate(each * times)]


def classes(*ideals: str | Sequence[str]) -> Classes:
    found = Classes.of(spec(), samples(*ideals))
    assert found is not None
    return found


def test_few_labels_that_come_again_make_a_classification() -> None:
    found = classes("returns", "billing")
    assert found.names == ("billing", "returns")
    assert [found.of_sample[f"s{i}"] for i in range(3)] == [1, 0, 1]


@pytest.mark.parametrize(
    "ideals",
    [
        ["billing"],
        [f"label {i}" for i in range(MOST_CLASSES + 1)],
        ['{"city": "Lyon"}', '{"city": "Rome"}'],
        ["a long answer " * 9, "billing"],
        ["", "billing"],
        ["two\nlines", "billing"],
    ],
)
def test_other_ideals_make_none(ideals: list[str]) -> None:
    assert Classes.of(spec(), samples(*ideals)) is None


def test_answers_that_happen_to_be_alike_make_no_classification() -> None:
    assert Classes.of(spec(), samples("Paris", "Rome", "Oslo", times=2)) is None


def test_open_tasks_and_samples_without_an_ideal_have_no_labels() -> None:
    assert Classes.of(spec("open"), samples("a", "b")) is None
    assert Classes.of(spec(), [*samples("a", "b"), Sample("x", ())]) is None


def test_numbers_stand_in_their_order() -> None:
    assert classes("10", "9", "-1").names == ("-1", "9", "10")


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("billing", "billing"),
        (" Billing.\n", "billing"),
        ("**Billing**", "billing"),
        ("billing, because it is late", "billing"),
        ("I would send this to Returns!", "returns"),
        ("It says billing, but it is returns.", None),
        ("rebilling", None),
        ("", None),
        ("no idea", None),
    ],
)
def test_an_answer_is_opens_with_or_alone_names_a_label(answer: str, label: str | None) -> None:
    found = classes("billing", "returns")
    read = found.read(answer)
    assert (None if read is None else found.names[read]) == label


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("B", "B"),
        ("(B) it is", "B"),
        ("B.", "B"),
        ("b", "B"),
        ("A nice day", None),
        ("So, A", None),
    ],
)
def test_a_letter_has_to_open_the_answer_on_its_own(answer: str, label: str | None) -> None:
    found = classes("A", "B")
    read = found.read(answer)
    assert (None if read is None else found.names[read]) == label


def test_the_longer_of_two_labels_is_read() -> None:
    found = classes("tax", "tax return")
    assert found.names[found.read("tax return please") or 0] == "tax return"
    assert found.read("5.5") is None


def test_a_number_inside_another_is_not_read() -> None:
    found = classes("5", "1")
    assert [found.read(text) for text in ("5.5", "-1", "51", "5.")] == [None, None, None, 1]


def test_a_right_answer_counts_as_its_samples_label_whatever_it_says() -> None:
    found = classes(["billing", "invoices"], "returns")
    assert found.code("s0", "anything", 1.0) == 0
    assert found.code("s1", "invoices", 0.0) == 0
    assert found.code("s0", "who knows", 0.0) == NO_LABEL
    assert found.code("s0", "Billing", 0.0) == UNACCEPTED
    assert found.code("another sample", "billing", 1.0) is None


def test_hostile_labels_are_texts() -> None:
    found = classes("(a+)+$", "<script>")
    assert found.names[found.read("I say <script> here") or 0] == "<script>"
    assert found.read("a" * 5_000) is None
