from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.errors import RegistryError
from harness.graders.style import Style
from harness.records import Score

Mark = Callable[..., Score]


def test_the_whole_stripped_text_has_to_match(mark: Mark) -> None:
    grader = Style(pattern=r"[A-Z]\w+!")
    assert mark(grader, "  Tea!\n").value == 1.0
    assert mark(grader, "Tea! Now!").value == 0.0


def test_a_placeholder_is_the_samples_own_field_taken_literally(mark: Mark) -> None:
    grader = Style(pattern=r"{word}: .+")
    assert mark(grader, "c++: a language", word="c++").value == 1.0
    assert mark(grader, "ccc: a language", word="c++").value == 0.0
    assert mark(grader, "7: a number", word=7).value == 1.0


def test_other_braces_are_the_patterns_own(mark: Mark) -> None:
    assert mark(Style(pattern=r"\w{2,3}"), "tea").value == 1.0
    assert mark(Style(pattern=r"\p{Lu}\p{L}+"), "Éa").value == 1.0


def test_a_field_that_is_missing_gives_no_mark(mark: Mark) -> None:
    score = mark(Style(pattern="{topic}.*"), "tea")
    assert score.value is None
    assert score.reason == "the pattern needs 'topic', which this sample does not have"


def test_fields_can_come_from_the_prompt(mark: Mark) -> None:
    grader = Style(pattern="{topic} is .+", prompt_pattern=r"about (?P<topic>\w+)")
    assert mark(grader, "tea is hot", prompt="Write about tea.").value == 1.0
    assert mark(grader, "tea is hot", prompt="Write about milk.").value == 0.0
    assert mark(grader, "tea is hot", prompt="Write.").value is None
    assert mark(grader, "tea is hot", prompt="Write about milk.", topic="tea").value == 1.0


@pytest.mark.parametrize(
    ("grader", "text", "reason"),
    [
        (Style(max_words=2), "one two three", "3 words, more than 2"),
        (Style(min_words=2), "one", "1 words, fewer than 2"),
        (Style(forbid=("As an AI",)), "as an ai model", "says 'As an AI'"),
        (Style(max_words=1, forbid=("b",)), "a b", "2 words, more than 1; says 'b'"),
        (Style(pattern="x"), "y", "does not match x"),
    ],
)
def test_the_reason_says_what_failed(mark: Mark, grader: Style, text: str, reason: str) -> None:
    score = mark(grader, text)
    assert (score.value, score.reason) == (0.0, reason)


def test_limits_are_met_by_the_numbers_themselves(mark: Mark) -> None:
    assert mark(Style(min_words=2, max_words=2), "one two").value == 1.0


def test_a_pattern_that_would_hang_gives_no_mark(mark: Mark) -> None:
    score = mark(Style(pattern="(a|a)*"), "a" * 60 + "!")
    assert score.value is None
    assert "took more than 0.5 s" in (score.reason or "")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pattern": "("}, "pattern: not a regular expression"),
        ({"prompt_pattern": "[a"}, "prompt_pattern: not a regular expression"),
        ({"min_words": 3, "max_words": 2}, r"max_words \(2\) is below min_words \(3\)"),
        ({"min_words": -1}, "correct them"),
    ],
)
def test_wrong_options_are_refused_at_once(options: dict[str, str], said: str) -> None:
    with pytest.raises(RegistryError, match=said):
        Style(**options)  # type: ignore[arg-type]
