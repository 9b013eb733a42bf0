"""distinct_k for all prompts at once against the rule applied text by text."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.diversity import classes as module
from harness.analysis.diversity import per_prompt_distinct_k
from harness.analysis.diversity.tokens import folded, tokenize

WORDS = ["the", "The", "cat", "CAT", "sat", "mat", ".", "!", "don't", "Straße", "STRASSE", "été"]
STRANGE = ["İ", "ŉ", "W\u030a", "日本", "ภาษา", "🎉", "ﬁ", "e\u0301", "\u0345", "Ⓐ", "ǰ", "", "ᾳ"]
LONG = ["incomprehensibilities", "Incomprehensibilities"]
texts = st.lists(st.sampled_from(WORDS + STRANGE + LONG), max_size=9).map(" ".join)
groups = st.lists(st.lists(texts | st.text(max_size=12), max_size=7), max_size=4)


def by_definition(group: list[str], tokenizer: module.Tokenizer) -> float:
    """The rule, text by text."""
    if len(group) < 2:
        return math.nan
    leaders: list[frozenset[tuple[str, int]]] = []
    for words in dict.fromkeys(plain(text, tokenizer) for text in group):
        numbered = frozenset((word, words[:i].count(word)) for i, word in enumerate(words))
        if not any(resemble(numbered, leader) for leader in leaders):
            leaders.append(numbered)
    return float(len(leaders))


def plain(text: str, tokenizer: module.Tokenizer) -> tuple[str, ...]:
    tokens = tuple(tokenize(folded(text), tokenizer))
    return tuple(token for token in tokens if any(map(str.isalnum, token))) or tokens


def resemble(first: frozenset[tuple[str, int]], second: frozenset[tuple[str, int]]) -> bool:
    common = first & second
    longest = max(len(first), len(second))
    if longest <= 5:
        return 2 * len({word for word, _ in common}) >= longest
    return 2 * len(common) / (len(first) + len(second)) > 0.458


@given(groups, st.sampled_from(["words", "whitespace", "characters", str.split]))
@settings(max_examples=400, deadline=None)
def test_all_prompts_at_once_count_what_each_alone_does(found, tokenizer):
    expected = [by_definition(group, tokenizer) for group in found]
    np.testing.assert_array_equal(per_prompt_distinct_k(found, tokenizer=tokenizer), expected)


@given(st.lists(texts, min_size=8, max_size=14))
@settings(max_examples=50, deadline=None)
def test_a_large_set_is_taken_in_portions(group):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PAIRS_AT_ONCE", 40)
        assert per_prompt_distinct_k([group])[0] == by_definition(group, "words")


def test_equal_short_answers_are_no_different_ones():
    assert per_prompt_distinct_k([["no no no", "No, no, no!"]])[0] == 1
