from __future__ import annotations

import pytest

from harness.analysis.diversity import distinct_k, good_and_different, utility

TEXTS = ["red kites dance over hills", "seven boats sail at dawn", "red kites dance over the hills"]


def test_where_all_are_good_the_share_is_that_of_distinct_k() -> None:
    assert good_and_different(TEXTS, [True] * 3) == distinct_k(TEXTS) / 3


def test_a_bad_answer_neither_counts_nor_hides_a_good_one_like_it() -> None:
    assert good_and_different(TEXTS, [False, True, True]) == pytest.approx(2 / 3)
    assert good_and_different(TEXTS, [False] * 3) == 0.0


def test_utility_is_1_for_perfect_and_different_answers_and_falls_for_later_repeats() -> None:
    assert utility(TEXTS[:2], [1.0, 1.0]) == pytest.approx(1.0)
    assert utility(TEXTS, [1.0] * 3) == pytest.approx((1 + 0.8) / (1 + 0.8 + 0.64))
    assert utility(TEXTS, [0.0, 0.5, 1.0]) == pytest.approx(0.4 / (1 + 0.8 + 0.64))


def test_a_judgement_is_needed_for_each_text() -> None:
    with pytest.raises(ValueError, match="3 texts and 2 judgements"):
        good_and_different(TEXTS, [True, True])
    with pytest.raises(ValueError, match="0 texts"):
        utility([], [])
