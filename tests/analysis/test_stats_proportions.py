import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness.analysis.stats import clopper_pearson_interval, wilson_interval


@st.composite
def shares(draw):
    n = draw(st.integers(1, 400))
    return draw(st.integers(0, n)), n


@pytest.mark.parametrize(
    ("interval", "successes", "n", "low", "high"),
    [
        (wilson_interval, 41, 50, 0.692039, 0.902298),
        (wilson_interval, 50, 50, 0.928652, 1),
        (wilson_interval, 0, 20, 0, 0.161125),
        (clopper_pearson_interval, 41, 50, 0.685631, 0.914238),
    ],
)
def test_interval_of_a_share_matches_its_vector(interval, successes, n, low, high):
    estimate = interval(successes, n)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-5)
    assert (estimate.value, estimate.n) == (successes / n, n)


@given(shares(), st.sampled_from([0.9, 0.95, 0.99]))
def test_intervals_equal_scipys(share, confidence):
    test = scipy_stats.binomtest(*share)
    for interval, method in [(wilson_interval, "wilson"), (clopper_pearson_interval, "exact")]:
        ours = interval(*share, confidence)
        theirs = test.proportion_ci(confidence_level=confidence, method=method)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(shares())
def test_wrong_answers_mirror_right_ones(share):
    successes, n = share
    right, wrong = wilson_interval(successes, n), wilson_interval(n - successes, n)
    assert (right.low, right.high) == pytest.approx((1 - wrong.high, 1 - wrong.low))


@given(shares())
def test_one_more_right_answer_raises_the_interval(share):
    successes, n = share
    fewer, more = wilson_interval(successes, n + 1), wilson_interval(successes + 1, n + 1)
    assert fewer.low <= more.low
    assert fewer.high <= more.high


@pytest.mark.parametrize("interval", [wilson_interval, clopper_pearson_interval])
def test_one_sample_never_claims_certainty(interval):
    estimate = interval(1, 1)
    assert estimate.low < 0.21
    assert estimate.high == 1


def test_another_confidence_is_named():
    assert wilson_interval(3, 9).method == "Wilson"
    assert "0.9" in clopper_pearson_interval(3, 9, 0.9).method


@pytest.mark.parametrize(("n", "share"), [(20, 0.5), (50, 0.9), (100, 0.7), (300, 0.95)])
def test_wilson_covers_what_it_promises(n, share):
    counts = np.arange(n + 1)
    chances = scipy_stats.binom.pmf(counts, n, share)
    limits = [wilson_interval(int(count), n) for count in counts]
    covered = [limit.low <= share <= limit.high for limit in limits]
    assert 0.93 <= math.fsum(chances[covered]) <= 1


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(successes, n):
    with pytest.raises(ValueError, match="sample"):
        wilson_interval(successes, n)
    with pytest.raises(ValueError, match="sample"):
        clopper_pearson_interval(successes, n)
