import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness.analysis.stats import (
    clustered_mean_interval,
    mean_interval,
    repeats_mean_interval,
    unit_means,
    variance_parts,
)

REPEATS = [[int(mark) for mark in row] for row in ["1101", "0000", "1111", "1001", "0100"]]
CLUSTERED = [1, 0, 0, 1, 1, 1, 0, -1, 0, 0, 0, 1, 0, 0, -1, 1, 1, 0, 0, 0]
DOCUMENTS = [0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 5, 5]


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=40).filter(lambda v: np.std(v) > 1e-6))
def test_mean_interval_is_scipys_t_interval(values):
    ours = mean_interval(values)
    theirs = scipy_stats.ttest_1samp(values, 0).confidence_interval()
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-6, abs=1e-9)


def test_one_value_knows_nothing_about_spread():
    assert mean_interval([0.7]).low == -math.inf
    assert mean_interval([0.7]).high == math.inf
    bounded = mean_interval([0.7], bounds=(0, 1))
    assert (bounded.value, bounded.low, bounded.high, bounded.n) == (0.7, 0, 1, 1)


@pytest.mark.parametrize("n", [2, 10, 100])
def test_equal_values_never_claim_certainty(n):
    estimate = mean_interval([1.0] * n, bounds=(0, 1))
    assert estimate.high == 1
    assert estimate.low == pytest.approx(0.05 ** (1 / n))
    assert mean_interval([0.3] * n).high == math.inf


def test_equal_values_tighten_with_n():
    widths = [mean_interval([0.4] * n, (0, 1)) for n in (2, 5, 20, 200)]
    assert [e.low for e in widths] == sorted(e.low for e in widths)
    assert [e.high for e in widths] == sorted((e.high for e in widths), reverse=True)


def test_interval_is_clipped_to_its_bounds():
    estimate = mean_interval([0.0, 1.0], bounds=(0, 1))
    assert (estimate.low, estimate.high) == (0, 1)


@pytest.mark.parametrize("values", [[], [math.nan, 1.0], [math.inf], [[1.0], [2.0]]])
def test_values_without_a_mean_are_refused(values):
    with pytest.raises(ValueError, match="value"):
        mean_interval(values)


def test_values_outside_the_bounds_are_refused():
    with pytest.raises(ValueError, match="bounds"):
        mean_interval([0.5, 3.0], bounds=(0, 1))


def test_repeats_match_their_vector():
    estimate = repeats_mean_interval(REPEATS)
    half = scipy_stats.t.ppf(0.975, 4) * 0.176777
    assert estimate.value == 0.5
    assert estimate.n == 5
    assert estimate.high - 0.5 == pytest.approx(half, abs=1e-5)


def test_variance_parts_match_their_vector():
    parts = variance_parts(REPEATS)
    assert parts.within == pytest.approx(0.166667, abs=1e-5)
    assert parts.between == pytest.approx(0.114583, abs=1e-5)
    assert parts.standard_error(5, 1) == pytest.approx(0.237171, abs=1e-5)
    assert parts.standard_error(5, 16) == pytest.approx(0.158114, abs=1e-5)


def test_prompts_may_have_different_numbers_of_repeats():
    assert repeats_mean_interval([[1.0], [0.0, 1.0], [0.0, 0.0, 0.0]]).value == 0.5


def test_repeating_the_same_answers_adds_no_certainty():
    once = repeats_mean_interval([[0.0], [1.0], [1.0]])
    often = repeats_mean_interval([[0.0] * 9, [1.0] * 9, [1.0] * 9])
    assert (once.low, once.high) == (often.low, often.high)


def test_a_table_too_small_to_split_is_refused():
    with pytest.raises(ValueError, match="2 prompts"):
        variance_parts([[1.0, 0.0]])


def test_clusters_match_their_vector():
    estimate = clustered_mean_interval(CLUSTERED, DOCUMENTS)
    assert estimate.value == 0.25
    assert (estimate.low, estimate.high) == pytest.approx((-0.237734, 0.737734), abs=1e-5)


def test_clusters_of_one_are_independent_samples():
    values = [0.1, 0.4, 0.2, 0.9]
    alone, plain = clustered_mean_interval(values, "abcd"), mean_interval(values)
    assert (alone.low, alone.high) == pytest.approx((plain.low, plain.high))


def test_one_cluster_knows_nothing_about_spread():
    assert clustered_mean_interval([0.1, 0.9], "aa", (0, 1)).low == 0


def test_each_value_needs_a_cluster():
    with pytest.raises(ValueError, match="one cluster per value"):
        clustered_mean_interval([0.1, 0.9], "a")


def test_rows_of_one_unit_become_their_mean():
    rows = np.array([[1.0, 2.0], [5.0, 5.0], [3.0, 4.0]])
    assert unit_means(rows, ["p", "q", "p"]).tolist() == [[2.0, 3.0], [5.0, 5.0]]
    assert unit_means(rows[:0], []).shape == (0, 2)
