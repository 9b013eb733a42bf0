import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness.analysis.stats import holm, paired_bootstrap, ratio_interval, sign_flip_p

ODD = [0.3, 0.1, -0.2, 0.4, 0.5, 0.2, 0.0, 0.1]


def test_sign_flip_matches_its_vector():
    assert sign_flip_p(ODD) == pytest.approx(0.09375)


@settings(max_examples=20)
@given(st.lists(st.integers(-5, 5).map(lambda k: k / 4), min_size=2, max_size=9))
def test_sign_flip_is_scipys_permutation_test(differences):
    theirs = scipy_stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_p(differences) == pytest.approx(theirs.pvalue)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=10))
def test_sign_flip_does_not_mind_which_model_comes_first(differences):
    assert sign_flip_p(differences) == sign_flip_p([-d for d in differences])


def test_many_differences_are_sampled_and_agree_with_the_t_test():
    differences = np.random.default_rng(4).normal(0.1, 0.5, 200)
    sampled = sign_flip_p(differences, seed=1)
    assert sampled == pytest.approx(scipy_stats.ttest_1samp(differences, 0).pvalue, abs=0.01)
    assert sampled == sign_flip_p(differences, seed=1)
    assert sampled > 0


@pytest.mark.parametrize("differences", [[0.4], [0.0, 0.0], [0.0]])
def test_too_little_to_flip_shows_nothing(differences):
    assert sign_flip_p(differences) == 1


def test_one_sided_sign_flip_looks_at_gains_only():
    assert sign_flip_p(ODD, "greater") == pytest.approx(0.046875)
    assert sign_flip_p([-d for d in ODD], "greater") > 0.9


def test_bootstrap_is_about_the_t_interval_on_normal_differences():
    rng = np.random.default_rng(0)
    base = rng.normal(0.5, 0.1, 40)
    tuned = base + rng.normal(0.05, 0.1, 40)
    ours = paired_bootstrap(tuned, base, seed=3)
    theirs = scipy_stats.ttest_rel(tuned, base).confidence_interval()
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)
    assert ours == paired_bootstrap(tuned, base, seed=3)


def test_bootstrap_covers_the_truth_at_few_prompts():
    rng = np.random.default_rng(1)
    runs = [
        paired_bootstrap(rng.normal(0, 1, 12), np.zeros(12), seed=k, resamples=600)
        for k in range(300)
    ]
    covered = np.mean([run.low <= 0 <= run.high for run in runs])
    assert 0.91 <= covered <= 0.98


def test_differences_that_do_not_vary_get_an_honest_width():
    estimate = paired_bootstrap([0.5] * 20, [0.5] * 20, seed=0, bounds=(-1, 1))
    assert estimate.value == 0
    assert estimate.low == pytest.approx(-(1 - 0.05 ** (1 / 20)))
    assert paired_bootstrap([1.0], [0.5], seed=0).high == math.inf


def test_ratio_is_of_means_and_not_a_mean_of_ratios():
    assert ratio_interval([1.0, 3.0], [4.0, 4.0], seed=0).value == 0.5
    assert ratio_interval([0.2, 3.0], [0.1, 4.0], seed=0).value == pytest.approx(3.2 / 4.1)


def test_ratio_covers_the_truth():
    rng = np.random.default_rng(7)

    def one(seed):
        base = rng.uniform(0.3, 0.9, 30)
        return ratio_interval(0.8 * base + rng.normal(0, 0.05, 30), base, seed=seed, resamples=600)

    covered = np.mean([one(k).low <= 0.8 <= one(k).high for k in range(150)])
    assert covered > 0.85


def test_ratio_over_nothing_is_undefined():
    estimate = ratio_interval([1.0, 2.0], [0.0, 0.0], seed=0)
    assert math.isnan(estimate.value)
    assert (estimate.low, estimate.high) == (0, math.inf)


def test_ratio_of_values_that_do_not_vary_is_no_certainty():
    estimate = ratio_interval([1.0] * 20, [1.0] * 20, seed=0, bounds=(0, 1))
    assert estimate.low == pytest.approx(0.05 ** (1 / 20))
    assert estimate.high == pytest.approx(0.05 ** (-1 / 20))
    assert ratio_interval([1.0] * 3, [1.0] * 3, seed=0).high == math.inf


def test_negative_values_have_no_ratio():
    with pytest.raises(ValueError, match="negative"):
        ratio_interval([-0.1], [0.5], seed=0)


def test_unpaired_values_are_refused():
    with pytest.raises(ValueError, match="pair them"):
        paired_bootstrap([1.0], [1.0, 2.0], seed=0)


def test_holm_matches_its_vector():
    assert holm([0.01, 0.04, 0.03, 0.005, 0.2]) == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.2])


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_equals_statsmodels(ps):
    from statsmodels.stats.multitest import multipletests

    assert holm(ps) == pytest.approx(list(multipletests(ps, method="holm")[1]))


def test_holm_of_nothing_is_nothing():
    assert holm([]) == []


def test_holm_refuses_what_is_no_p_value():
    with pytest.raises(ValueError, match="bounds"):
        holm([0.5, 1.5])
