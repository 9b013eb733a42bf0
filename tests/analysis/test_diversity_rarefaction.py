import math
from collections import Counter
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.diversity import (
    common_draws,
    distinct_n,
    encode,
    per_prompt_rarefied_distinct_n,
    rarefied_distinct_n,
)

A = ["the cat sat on the mat", "the cat sat on the rug", "a dog ran in the park today"]


def by_formula(grams, draws):
    total = len(grams)
    chances = (
        1 - Fraction(math.comb(total - f, draws), math.comb(total, draws))
        for f in Counter(grams).values()
    )
    return float(sum(chances, Fraction(0)) / draws)


def test_it_is_the_mean_over_all_samples():
    grams = ["a", "a", "b", "c"]
    samples = list(combinations(grams, 2))
    mean = sum(len(set(sample)) for sample in samples) / len(samples) / 2
    assert rarefied_distinct_n(["a a", "b c"], 1, 2) == pytest.approx(mean)


@settings(max_examples=150)
@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=8).map(" ".join), min_size=2, max_size=5),
    st.integers(1, 3),
    st.integers(1, 40),
)
def test_it_is_the_formula_with_binomials(texts, n, draws):
    tokens = [text.split() for text in texts]
    grams = [tuple(t[i : i + n]) for t in tokens for i in range(len(t) - n + 1)]
    ours = rarefied_distinct_n(texts, n, draws)
    if draws > len(grams):
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(by_formula(grams, draws), rel=1e-12)


def test_at_all_draws_it_is_distinct_n_and_at_one_it_is_1():
    assert rarefied_distinct_n(A, 1, 19) == pytest.approx(distinct_n(A, 1))
    assert rarefied_distinct_n(A, 2, 1) == pytest.approx(1)


def test_longer_texts_of_the_same_words_are_as_diverse_at_equal_draws():
    rng = np.random.default_rng(0)
    short, long = (
        [" ".join(f"w{i}" for i in rng.zipf(1.5, n)) for _ in range(40)] for n in (30, 60)
    )
    draws = int(common_draws(encode([short]), encode([long]), 1)[0])
    assert draws == 1200
    assert distinct_n(long, 1) < 0.9 * distinct_n(short, 1)
    assert rarefied_distinct_n(long, 1, draws) == pytest.approx(distinct_n(short, 1), rel=0.05)


def test_each_prompt_has_its_own_draws():
    groups = [["a a", "b"], ["a b", "c d"], ["alone"], []]
    values = per_prompt_rarefied_distinct_n(groups, 1, [2, 4, 1, 0])
    np.testing.assert_allclose(values, [by_formula(list("aab"), 2), 1.0, math.nan, math.nan])


def test_no_draws_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        rarefied_distinct_n(A, 1, 0)
