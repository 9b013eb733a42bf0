import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.stats import (
    bounded_exceeds_p,
    clopper_pearson_interval,
    difference_test,
    exceeds_p,
    falls_short_p,
    score_test,
    share_exceeds_p,
    share_falls_short_p,
)

MARKS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)


def columns(marks):
    return ([float(mark[k]) for mark in marks] for k in (0, 1))


def marks(b, c, n):
    """Tuned and base scores of n samples: b only tuned right, c only base, the rest both."""
    tuned = [1.0] * b + [0.0] * c + [1.0] * (n - b - c)
    base = [0.0] * b + [1.0] * c + [1.0] * (n - b - c)
    return tuned, base


@given(MARKS, st.sampled_from([-0.1, -0.05, 0.0, 0.05]))
@settings(max_examples=30)
def test_swapping_the_models_mirrors_the_question(pairs, threshold):
    tuned, base = columns(pairs)
    there = difference_test(tuned, base, threshold)
    back = difference_test(base, tuned, -threshold)
    assert (there.p_above, there.p_below) == pytest.approx((back.p_below, back.p_above))
    assert (there.estimate.low, there.estimate.high) == pytest.approx(
        (-back.estimate.high, -back.estimate.low)
    )


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 60))
@settings(max_examples=30)
def test_no_table_lies_on_both_sides(b, c, same):
    n = b + c + same + 1
    assert exceeds_p(b, c, n, -0.05) + falls_short_p(b, c, n, -0.05) >= 1 - 1e-9


@given(st.integers(0, 15), st.integers(1, 15), st.integers(0, 60))
@settings(max_examples=30)
def test_one_more_win_never_makes_passing_harder(b, c, same):
    n = b + c + same + 1
    assert exceeds_p(b + 1, c, n, -0.05) <= exceeds_p(b, c, n, -0.05) + 1e-6


def test_a_worse_candidate_lies_below_and_a_better_one_above():
    assert difference_test(*marks(2, 30, 100), -0.05).side() == "below"
    assert difference_test(*marks(15, 5, 100), -0.05).side() == "above"


@pytest.mark.parametrize("n", [1, 5, 50])
def test_few_ties_are_no_evidence(n):
    assert difference_test(*marks(0, 0, n), -0.05).side() == "unclear"


def test_enough_ties_are_evidence_of_no_large_drop():
    assert difference_test(*marks(0, 0, 59), -0.05).side() == "above"


def test_no_sample_is_an_error_and_no_verdict():
    with pytest.raises(ValueError, match="at least one"):
        difference_test([], [], -0.05)
    with pytest.raises(ValueError, match="at least one"):
        score_test([], 0.9)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))))
def test_a_floor_is_reached_where_clopper_pearsons_bound_says_so(share):
    right, n = share
    floor = clopper_pearson_interval(right, n, confidence=0.9).low
    assert share_exceeds_p(right, n, max(0.0, floor - 1e-6)) <= 0.05
    assert share_exceeds_p(right, n, min(1.0, floor + 1e-6)) >= 0.05
    assert share_falls_short_p(n - right, n, 0.4) == pytest.approx(share_exceeds_p(right, n, 0.6))


def test_a_score_is_held_against_a_floor():
    assert score_test([1.0] * 50, 0.9).side() == "above"
    assert score_test([1.0] * 10, 0.9).side() == "unclear"
    assert score_test([1.0] * 30 + [0.0] * 30, 0.9).side() == "below"


def test_fewer_than_ten_clusters_never_pass_but_can_fail():
    documents = [k // 30 for k in range(270)]
    better = difference_test(*marks(170, 0, 270), -0.05, documents)
    assert better.p_above < 0.05
    assert better.side() == "unclear"
    spread = [float(k % 3 > 0) for k in range(270)]
    assert difference_test([0.0] * 270, spread, -0.05, documents).side() == "below"
    assert "too few" in better.caution


def test_clusters_without_any_change_count_as_one_sample_each():
    documents = [k // 20 for k in range(400)]
    assert difference_test(*marks(0, 0, 400), -0.05).side() == "above"
    assert difference_test(*marks(0, 0, 400), -0.05, documents).side() == "unclear"


def test_clusters_weaken_evidence_when_their_samples_agree():
    tuned = ([1.0] * 10 + [0.0] * 10) * 10
    alone = score_test(tuned, 0.4)
    together = score_test(tuned, 0.4, [k // 10 for k in range(200)])
    assert together.p_above > alone.p_above
    assert together.estimate.low < alone.estimate.low
    assert together.clusters == 20


@given(st.integers(0, 30), st.integers(1, 30))
@settings(max_examples=20)
def test_the_test_of_bounded_means_is_the_exact_one_for_right_and_wrong(right, wrong):
    n = right + wrong
    ours = bounded_exceeds_p([1.0] * right + [0.0] * wrong, 0.5, 0.0)
    assert ours == pytest.approx(share_exceeds_p(right, n, 0.5), abs=0.02)


def test_repeats_that_hardly_differ_do_not_hide_a_rare_drop():
    differences = np.zeros(30)
    differences[:3] = 0.1
    tuned, base = 0.5 + differences, np.full(30, 0.5)
    found = difference_test(tuned, base, -0.05)
    assert found.estimate.low > -0.05  # the t interval is clear of the margin
    assert found.side() == "unclear"
    assert "unseen" in found.caution


def test_scores_without_bounds_get_the_t_test():
    rng = np.random.default_rng(0)
    base = rng.normal(50, 10, 80)
    found = difference_test(base + rng.normal(3, 2, 80), base, 0.0)
    assert found.side() == "above"
    assert math.isfinite(found.estimate.low)


def test_equal_values_without_bounds_show_nothing():
    found = score_test([300.0] * 20, 400.0)
    assert (found.p_above, found.p_below) == (1.0, 1.0)


def test_repeats_pass_a_model_at_the_margin_at_most_as_often_as_they_may():
    rng = np.random.default_rng(3)
    passes = []
    for _ in range(200):
        base = rng.beta(4.75, 0.25, 40)
        broken = rng.random(40) < 0.05 / (0.95 * 0.7)
        tuned = rng.binomial(4, np.where(broken, 0.3 * base, base)) / 4
        seen = rng.binomial(4, base) / 4
        passes.append(difference_test(tuned, seen, -0.05).side() == "above")
    assert np.mean(passes) <= 0.06


@pytest.mark.parametrize("clusters", [10, 20, 40])
def test_clusters_pass_a_model_at_the_margin_at_most_as_often_as_they_may(clusters):
    rng = np.random.default_rng(clusters)
    documents = np.repeat(np.arange(clusters), 8)
    passes = []
    for _ in range(400):
        lost = rng.choice([0.0, 0.2], clusters)[documents]  # half of the documents get worse
        draw = rng.random(documents.size)
        tuned, base = (draw >= lost).astype(float), (draw <= 0.95).astype(float)
        passes.append(difference_test(tuned, base, -0.05, documents.tolist()).side() == "above")
    assert np.mean(passes) <= 0.075
