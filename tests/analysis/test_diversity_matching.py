import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.diversity import matched
from harness.analysis.diversity.tokens import tokenize

TEXT = st.lists(st.sampled_from(["a", "don't", "猫", "!", "b-c", "👍"]), max_size=12).map(" ".join)
GROUPS = st.lists(st.lists(TEXT, max_size=5), min_size=3, max_size=3)


@settings(max_examples=100)
@given(GROUPS, GROUPS)
def test_both_arms_end_with_equal_lengths_and_numbers(groups_a, groups_b):
    a, b, report = matched(groups_a, groups_b)
    for texts_a, texts_b, tokens, k in zip(a, b, report.tokens, report.k, strict=True):
        assert len(texts_a) == len(texts_b) == k
        assert {len(tokenize(text)) for text in (*texts_a, *texts_b)} <= {tokens}


def test_texts_are_cut_and_never_reworded():
    a, b, _ = matched([["Hello,  there you!"]], [["one two three"]])
    assert a == [("Hello,  there",)]
    assert b == [("one two three",)]


def test_the_report_says_what_it_took():
    long = [" ".join(["w"] * 20)] * 10
    short = [" ".join(["v"] * 5)] * 9 + ["x"]
    _, _, report = matched([long], [short])
    assert report.tokens == (5,)
    assert report.k == (9,)
    assert (report.truncated_a, report.truncated_b) == (0.9, 0.0)
    assert (report.dropped_a, report.dropped_b) == (0.1, 0.1)
    assert report.length_difference.value == pytest.approx(20 - 4.6)


def test_one_prompt_leaves_the_length_difference_open():
    _, _, report = matched([["a b"]], [["a"]])
    assert report.length_difference.low == -math.inf


def test_a_prompt_without_texts_keeps_its_place():
    a, b, report = matched([[], ["a b"]], [["c"], ["d e"]])
    assert a == [(), ("a b",)]
    assert b == [(), ("d e",)]
    assert report.k == (0, 1)
    assert report.length_difference.n == 1


def test_nothing_to_match_is_no_number():
    _, _, report = matched([[]], [[]])
    assert math.isnan(report.truncated_a)
    assert report.length_difference.n == 0


def test_arms_need_the_same_prompts():
    with pytest.raises(ValueError, match="same prompts"):
        matched([["a"]], [])


def test_each_group_needs_a_unit():
    with pytest.raises(ValueError, match="one a group"):
        matched([["a"]], [["b"]], units=["p", "q"])


def test_some_refusals_do_not_cut_every_answer_to_its_first_words():
    answers = [" ".join(f"w{i}{j}" for j in range(20)) for i in range(7)]
    refusing = [*answers, "No.", "No.", ""]
    a, b, report = matched([refusing], [answers])
    assert report.tokens == (10,)
    assert report.k == (7,)
    assert report.dropped_a == pytest.approx(0.3)
    assert a == b
