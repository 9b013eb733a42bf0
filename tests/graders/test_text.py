from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.graders.text import FuzzyMatch, Includes, Match, best_f1, normalized, overlap
from harness.records import Score

Mark = Callable[..., Score]


# --- Match ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ideals", "picked"),
    [
        ("time, of course", ["time"], "time"),
        ("a time", ["time"], None),
        ("Time", ["time"], None),
        (" time", ["time"], None),
        ("10", ["1", "10"], "1"),
        ("", ["x"], None),
        ("anything", [""], ""),
    ],
)
def test_match_picks_the_first_ideal_that_opens_the_answer(
    mark: Mark, text: str, ideals: list[str], picked: str | None
) -> None:
    score = mark(Match(), text, *ideals)
    assert (score.value, score.label) == (float(picked is not None), picked)


# --- Includes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ideals", "ignore_case", "found"),
    [
        ("It is Season 11.", ["Season 11", "11"], False, "Season 11"),
        ("It is eleven.", ["11"], False, None),
        ("OSLO", ["oslo"], False, None),
        ("OSLO", ["oslo"], True, "oslo"),
        ("STRASSE", ["straße"], True, None),  # lower case only, as in OpenAI evals
        ("", [""], False, ""),
        ("", ["x"], False, None),
    ],
)
def test_includes_finds_an_ideal_anywhere(
    mark: Mark, text: str, ideals: list[str], ignore_case: bool, found: str | None
) -> None:
    score = mark(Includes(ignore_case), text, *ideals)
    assert (score.value, score.label) == (float(found is not None), found)


# --- FuzzyMatch ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("The  Cat,  an 'apple'!", "cat apple"),
        ("A.B.C.", "abc"),
        ("a", ""),
        ("theatre", "theatre"),
        ("don’t", "don’t"),
        ("\tÀ la carte\n", "à la carte"),
    ],
)
def test_normalising_drops_case_punctuation_articles_and_spaces(text: str, bare: str) -> None:
    assert normalized(text) == bare


def test_an_empty_side_only_equals_an_empty_side() -> None:
    assert overlap("", "")
    assert not overlap("", "x")
    assert not overlap("x", "")


@pytest.mark.parametrize(
    ("text", "ideals", "value", "f1"),
    [
        ("Paris", ["paris"], 1.0, 1.0),
        ("It is Paris", ["Paris"], 1.0, 0.5),
        ("Par", ["Paris"], 1.0, 0.0),
        ("Rome", ["Paris", "in Rome"], 1.0, 2 / 3),
        ("new york city", ["york new"], 0.0, 0.8),
        ("", ["the"], 1.0, 0.0),
        ("", ["Paris"], 0.0, 0.0),
    ],
)
def test_fuzzy_match_marks_containment_and_tells_the_best_f1(
    mark: Mark, text: str, ideals: list[str], value: float, f1: float
) -> None:
    score = mark(FuzzyMatch(), text, *ideals)
    assert score.value == value
    assert score.details == {"f1_score": pytest.approx(f1)}


def test_no_common_word_is_the_integer_zero_as_in_old_logs() -> None:
    assert repr(best_f1("a", ["b"])) == "0"
    assert repr(best_f1("a", [])) == "0"


def test_f1_counts_repeated_words() -> None:
    assert best_f1("x x y", ["x y y"]) == pytest.approx(2 / 3)
