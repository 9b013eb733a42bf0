"""Patterns of JavaScript mean here what they mean there, or are refused."""

from __future__ import annotations

import pytest

from harness.graders.js_patterns import NotTranslatable, occurs


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"^\d{3}$", "123", True),
        (r"^\d{3}$", "123\n", False),
        (r"\d", "٣", False),
        (r"^\w+$", "naïve", False),
        (r"a\sb", "a\u00a0b", True),
        (r"a\sb", "a\ufeffb", True),
        ("a.b", "a\u2028b", False),
        ("a.b", "a\x85b", True),
        ("x{e}", "x{e}", True),
        ("a{,2}", "a{,2}", True),
        ("a{1,2}$", "aa", True),
        ("[[a]", "[", True),
        (r"[\]]", "]", True),
        (r"[\s\S]+", "\n", True),
        (r"(?<year>\d+)-(?!0)", "2024-1", True),
        (r"(?<=a)b", "ab", True),
        (r"\x41\u00e9", "Aé", True),
        ("ß", "SS", False),
        (r"\bnon", "änon", True),
        (r"^[^\S]$", "\u3000", True),
        (r"^[\W_]+$", "é_", True),
    ],
)
def test_a_pattern_finds_what_it_finds_there(pattern: str, text: str, found: bool) -> None:
    assert occurs(pattern, text) == found


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", ")", "[", "*", "a**", "a++", "a?+", "^*", r"\b+", "$?"),
        *(r"\p{L}", r"\A", r"\Z", r"\cA", r"(a)?\1", r"\k<n>", r"[\1]", "[]", "[^]"),
        *("(?i)a", "(?P<n>a)", "(?>a)", "(?#x)", "(?(1)a)", "a" * 10_001, "\\"),
    ],
)
def test_what_would_mean_something_else_is_refused(pattern: str) -> None:
    with pytest.raises(NotTranslatable):
        occurs(pattern, "a")


def test_a_pattern_that_takes_for_ever_is_stopped() -> None:
    with pytest.raises(TimeoutError):
        occurs("^(a|aa)+$", "a" * 5_000 + "b")
