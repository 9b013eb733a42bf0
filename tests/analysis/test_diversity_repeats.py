import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.diversity import most_repeated_ngrams, openings

STORIES = [
    ["once upon a time, there was a cat", "Once upon a time there was a dog"],
    ["once upon a time, there was a hen", "nothing of the kind"],
]


def test_a_repeated_ngram_is_widened_to_the_whole_phrase_and_listed_once():
    [found] = most_repeated_ngrams(STORIES, 4)
    assert found.text == "once upon a time, there was a"
    assert (found.count, found.texts, found.prompts) == (2, 2, 2)
    assert (found.share, found.prompt_share, found.example) == (0.5, 1.0, 0)


def test_what_stands_in_most_texts_comes_first_however_often_it_stands_in_one():
    texts = ["ha ha ha ha ha ha ha ha", "a b c", "x a b c", "a b c y"]
    first, second = most_repeated_ngrams([texts], 3, 2)
    assert (first.text, first.texts) == ("a b c", 3)
    assert (second.text, second.texts, second.count) == ("ha ha ha", 1, 6)


def test_nothing_repeats_in_different_or_short_texts():
    assert most_repeated_ngrams([["a b c d", "e f g h"]]) == ()
    assert most_repeated_ngrams([["a b", "a b"], []], 4) == ()
    assert most_repeated_ngrams([]) == ()


def test_no_ngram_crosses_the_end_of_a_text():
    assert most_repeated_ngrams([["a b", "c d", "a b", "c d"]], 3) == ()


@given(st.lists(st.text("ab ", max_size=12), min_size=1, max_size=6), st.integers(1, 3))
@settings(max_examples=80, deadline=None)
def test_the_first_listed_stands_in_as_many_texts_as_any(texts, n):
    def grams(text):
        tokens = text.split()
        return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]

    counts = {}
    for text in texts:
        for gram in set(grams(text)):
            counts[gram] = counts.get(gram, 0) + 1
    total = sum(len(grams(text)) for text in texts)
    repeats = total > len({g for text in texts for g in grams(text)})
    found = most_repeated_ngrams([texts], n, 1, tokenizer="whitespace")
    assert bool(found) == repeats
    if found:
        assert found[0].texts == max(counts.values())


def test_openings_count_texts_and_prompts():
    [found] = openings(STORIES, 3)
    assert (found.text, found.texts, found.share, found.prompt_share) == ("once upon a", 2, 0.5, 1)


def test_a_short_text_is_its_own_opening_and_an_empty_one_has_none():
    found = openings([["Yes", "Yes", "Yes, sure", "", ""]], 3)
    assert [(one.text, one.texts) for one in found] == [("Yes", 2)]


def test_openings_of_chinese_are_characters():
    [found] = openings([["春眠不觉晓", "春眠不起"]], 3)
    assert found.text == "春眠不"


def test_a_list_of_texts_is_refused_where_lists_by_prompt_are_meant():
    with pytest.raises(ValueError, match=r"give \[texts\]"):
        most_repeated_ngrams(["a b c d", "a b c d"])
    with pytest.raises(ValueError, match=r"give \[texts\]"):
        openings(["a b c d"])
