import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from harness.analysis.stats import all_hold_p, benjamini_hochberg, holm, macro_average
from harness.records import Estimate

PS = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_adjusted_p_values_match_their_vectors():
    ps = [0.01, 0.04, 0.03, 0.005, 0.2]
    assert holm(ps) == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.2])
    assert benjamini_hochberg(ps) == pytest.approx([0.025, 0.05, 0.05, 0.025, 0.2])


@given(PS)
def test_benjamini_hochberg_equals_statsmodels(ps):
    assert benjamini_hochberg(ps) == pytest.approx(multipletests(ps, method="fdr_bh")[1].tolist())


@given(PS)
def test_a_dashboard_never_adjusts_more_than_a_gate(ps):
    assert all(bh <= h + 1e-12 for bh, h in zip(benjamini_hochberg(ps), holm(ps), strict=True))


def test_nothing_to_adjust_is_nothing():
    assert benjamini_hochberg([]) == []


def test_all_claims_hold_when_the_weakest_does():
    assert all_hold_p([0.01, 0.04, 0.02]) == 0.04
    with pytest.raises(ValueError, match="at least one"):
        all_hold_p([])


def estimate(value, half, n=100):
    return Estimate(value, value - half, value + half, n, "t over samples")


def test_standard_errors_add_with_the_weights_of_the_mean():
    found = macro_average([estimate(0.6, 0.03), estimate(0.9, 0.04)])
    assert found.value == pytest.approx(0.75)
    assert found.high - found.value == pytest.approx(math.hypot(0.03, 0.04) / 2)
    assert found.n == 200
    heavy = macro_average([estimate(0.6, 0.03), estimate(0.9, 0.04)], [3, 1])
    assert heavy.value == pytest.approx(0.675)
    assert heavy.value - heavy.low == pytest.approx(math.hypot(0.75 * 0.03, 0.25 * 0.04))


def test_one_eval_is_its_own_average():
    found = macro_average([estimate(0.6, 0.03)])
    assert (found.value, found.low, found.high) == pytest.approx((0.6, 0.57, 0.63))


def test_an_eval_without_limits_leaves_the_average_without():
    open_ended = Estimate(0.5, -math.inf, math.inf, 1, "one value")
    assert macro_average([open_ended, estimate(0.5, 0.1)]).low == -math.inf
    assert macro_average([open_ended, estimate(0.5, 0.1)], [0, 1]).low == pytest.approx(0.4)


def test_averages_cover_the_truth():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(2000):
        parts = [rng.normal(0, spread, 50) for spread in (1.0, 2.0, 0.5)]
        found = macro_average([estimate(x.mean(), 2.01 * x.std(ddof=1) / 50**0.5) for x in parts])
        inside += found.low <= 0 <= found.high
    assert inside / 2000 >= 0.94


@pytest.mark.parametrize("weights", [[1], [0, 0], [-1, 2], [math.nan, 1]])
def test_weights_that_weigh_nothing_are_refused(weights):
    with pytest.raises(ValueError, match=r"weights|bounds|finite"):
        macro_average([estimate(0.5, 0.1)] * 2, weights)
