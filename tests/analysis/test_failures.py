"""Errors that have nothing like them in training, on planted texts."""

from __future__ import annotations

from harness.analysis.failures import error_groups

COLOURS = ("red", "blue", "green", "white", "black", "yellow")
TRAINING = [
    f"please send a {colour} {thing} to me" for colour in COLOURS for thing in ("shirt", "coat")
]
REFUNDS = ["my refund is late again", "where is my refund", "again my refund is missing"]


def test_errors_that_training_never_speaks_of_are_far() -> None:
    (group,) = error_groups(REFUNDS, TRAINING)
    assert group.places == (0, 1, 2)
    assert group.is_far


def test_errors_like_training_examples_are_near() -> None:
    near = ["please send a red coat to me now", "send a blue shirt to me please"]
    assert not any(group.is_far for group in error_groups(near, TRAINING))


def test_other_numbers_in_the_same_words_are_near() -> None:
    training = [*TRAINING, *TRAINING, "Parcel 94602 is 51 days late", "Parcel 31 is 1,5 days late"]
    assert not any(g.is_far for g in error_groups(["Parcel 18094 is 71 days late"], training))


def test_the_largest_group_comes_first() -> None:
    first, *others = error_groups(["unheard of words", *REFUNDS], TRAINING)
    assert first.places == (1, 2, 3)
    assert [group.places for group in others] == [(0,)]


def test_nothing_is_said_of_no_errors_of_few_examples_and_of_no_words() -> None:
    assert error_groups([], TRAINING) == ()
    assert error_groups(REFUNDS, TRAINING[:5]) == ()
    assert error_groups(["?"], ["!"] * 20) == ()
