import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from harness.analysis.stats import contrast, mcnemar_midp, paired_difference, tango_interval
from harness.records import Estimate

CLUSTERED = np.array([1, 0, 0, 1, 1, 1, 0, -1, 0, 0, 0, 1, 0, 0, -1, 1, 1, 0, 0, 0])
DOCUMENTS = [0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 5, 5]


def binary(a, b, c, d):
    tuned = [1.0] * (a + b) + [0.0] * (c + d)
    base = [1.0] * a + [0.0] * b + [1.0] * c + [0.0] * d
    return tuned, base


def test_right_and_wrong_answers_get_tango_and_midp():
    estimate, p = paired_difference(*binary(60, 15, 5, 20))
    assert estimate == tango_interval(15, 5, 100)
    assert p == mcnemar_midp(15, 5)


def test_graded_scores_get_paired_t_and_sign_flip():
    base = np.array([0.5, 0.4, 0.6, 0.2, 0.3, 0.1, 0.7, 0.5])
    tuned = base + np.array([0.3, 0.1, -0.2, 0.4, 0.5, 0.2, 0.0, 0.1])
    estimate, p = paired_difference(tuned, base)
    theirs = scipy_stats.ttest_rel(tuned, base).confidence_interval()
    assert (estimate.low, estimate.high) == pytest.approx((theirs.low, theirs.high))
    assert p == pytest.approx(0.09375)


def test_equal_graded_scores_claim_no_certainty():
    estimate, p = paired_difference([0.5] * 30, [0.5] * 30)
    assert estimate.low < -0.05
    assert estimate.high > 0.05
    assert p == 1


def test_scores_beyond_fractions_have_unbounded_differences():
    assert paired_difference([4.0], [3.0])[0].high == math.inf
    assert paired_difference([0.4], [0.3])[0].high == 1


def test_clusters_of_graded_scores_match_their_vector():
    estimate, p = paired_difference(CLUSTERED + 2.0, np.full(20, 2.0), DOCUMENTS)
    assert (estimate.low, estimate.high) == pytest.approx((-0.237734, 0.737734), abs=1e-5)
    assert p == pytest.approx(0.244774, abs=1e-5)


def test_clusters_widen_the_interval_of_right_and_wrong_answers():
    tuned, base = binary(20, 16, 4, 20)
    documents = [k // 6 for k in range(60)]
    clustered, p = paired_difference(tuned, base, documents)
    plain, plain_p = paired_difference(tuned, base)
    assert clustered.high - clustered.low > plain.high - plain.low
    assert p > plain_p
    assert clustered.value == plain.value


def test_one_cluster_shows_nothing():
    estimate, p = paired_difference(*binary(2, 5, 1, 2), clusters=["a"] * 10)
    assert (estimate.low, estimate.high, p) == (-1, 1, 1)


def test_clusters_without_a_difference_keep_an_honest_width():
    estimate, p = paired_difference(*binary(10, 0, 0, 10), clusters=[k // 2 for k in range(20)])
    assert estimate.low < -0.1 < 0.1 < estimate.high
    assert p == 1


def between(low, high):
    return Estimate((low + high) / 2, low, high, 100, "any")


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.03, 0.09, "+"),
        (0.001, 0.05, "+"),
        (-0.09, -0.03, "-"),
        (-0.01, 0.01, "0"),
        (-0.01, 0.03, "?"),
        (-0.3, 0.3, "?"),
        (0.0, 0.03, "?"),
        (math.nan, math.nan, "?"),
        (-math.inf, math.inf, "?"),
    ],
)
def test_contrast_reads_an_interval(low, high, word):
    assert contrast(between(low, high)) == word


def test_a_real_but_negligible_difference_reads_as_none():
    assert contrast(between(0.004, 0.015)) == "0"
    assert contrast(between(0.004, 0.015), margin=0) == "+"


def test_a_negative_margin_is_refused():
    with pytest.raises(ValueError, match="margin"):
        contrast(between(0, 1), margin=-0.1)
