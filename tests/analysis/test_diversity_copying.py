import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.diversity import copy_rate, per_prompt_copy_rate

POEM = [f"word{k}" for k in range(14)]


def said(start, stop):
    return " ".join(POEM[start:stop])


def test_a_run_of_thirteen_is_a_copy_and_twelve_are_not():
    training = ["something else", "before it " + said(0, 14) + " after it"]
    report = copy_rate([f"x {said(0, 13)} y", f"x {said(0, 12)} y"], training)
    assert report.sources == (1, None)
    assert (report.rate.value, report.rate.n) == (0.5, 2)


def test_case_punctuation_spacing_and_composition():
    training = [" ".join(["Café"] * 13)]
    assert copy_rate([" \n".join(["cafe\u0301"] * 13)], training).rate.value == 1


def test_the_first_training_item_is_named():
    training = ["nothing", said(1, 14), said(0, 14)]
    assert copy_rate([said(0, 14)], training).sources == (1,)


def test_what_the_prompt_says_is_no_copy():
    training = [said(0, 14)]
    prompts = [f"Repeat: {said(0, 14)}", "Say anything"]
    report = copy_rate([said(0, 14), said(0, 14)], training, prompts=prompts)
    assert report.sources == (None, 0)


def test_a_run_beyond_what_the_prompt_says_is_a_copy():
    report = copy_rate([said(0, 14)], [said(0, 14)], prompts=[f"Go on: {said(0, 13)}"])
    assert report.sources == (0,)


def test_a_short_training_completion_is_copied_whole_or_not_at_all():
    training = ["Carpe diem, my friend"]
    texts = ["carpe  diem, my FRIEND", "carpe diem, my friend, today", "carpe diem"]
    assert copy_rate(texts, training).sources == (0, None, None)


def test_a_short_copy_from_the_prompt_is_none():
    report = copy_rate(["blue"], ["blue"], prompts=["Is it red or blue ?"])
    assert report.sources == (None,)


def test_empty_texts_copy_nothing():
    assert copy_rate(["", " "], ["", "a b"]).sources == (None, None)
    assert copy_rate(["a b"], []).sources == (None,)


def test_no_texts_have_no_rate():
    report = copy_rate([], ["a"])
    assert math.isnan(report.rate.value)
    assert report.rate.n == 0


def test_chinese_counts_characters():
    training = ["床前明月光疑是地上霜举头望明月低头思故乡"]
    assert copy_rate(["他说床前明月光疑是地上霜举头望"], training).sources == (0,)
    assert copy_rate(["床前明月光疑是地上霜"], training).sources == (None,)


@settings(max_examples=150)
@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=10).map(" ".join), max_size=5),
    st.lists(st.lists(st.sampled_from("abc"), max_size=10).map(" ".join), max_size=5),
    st.lists(st.lists(st.sampled_from("abc"), max_size=10).map(" ".join), min_size=5, max_size=5),
    st.integers(1, 7),
)
def test_sources_are_those_of_a_plain_search(texts, training, prompts, run):
    asked = prompts[: len(texts)]
    expected = tuple(
        plain_search(text.split(), training, prompt.split(), run)
        for text, prompt in zip(texts, asked, strict=True)
    )
    assert copy_rate(texts, training, run, prompts=asked).sources == expected


def plain_search(text, training, prompt, run):
    new = runs(text, run) - runs(prompt, run)
    whole = not contains(prompt, text)
    for index, words in enumerate(item.split() for item in training):
        if new & runs(words, run) or (0 < len(words) < run and words == text and whole):
            return index
    return None


def runs(words, run):
    return {tuple(words[i : i + run]) for i in range(len(words) - run + 1)}


def contains(words, part):
    return any(words[i : i + len(part)] == part for i in range(len(words) - len(part) + 1))


def test_per_prompt_rates():
    groups = [[said(0, 14), "new"], ["new", "newer"], []]
    rates = per_prompt_copy_rate(groups, [said(0, 14)], prompts=["Say it", "Say it", "Say it"])
    np.testing.assert_equal(rates, [0.5, 0.0, math.nan])


def test_prompts_must_fit():
    with pytest.raises(ValueError, match="one a text"):
        copy_rate(["a"], ["b"], prompts=[])
    with pytest.raises(ValueError, match="one a group"):
        per_prompt_copy_rate([["a"]], ["b"], prompts=[])


def test_a_run_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one token"):
        copy_rate(["a"], ["b"], run=0)
