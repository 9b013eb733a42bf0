import numpy as np
import pytest

from harness.analysis.stats import trend_test


def right(first, count, n=200):
    """Right on `count` samples from the `first` one on, wrong on the others."""
    return [float(first <= k < first + count) for k in range(n)]


def test_a_score_that_fell_asks_for_fewer_epochs():
    trend = trend_test([right(0, 100), right(0, 160), right(0, 130)])
    assert (trend.direction, trend.best, trend.keep) == ("fewer", 1, 1)
    assert trend.p_value < 0.001


def test_a_score_that_still_rises_asks_for_more():
    trend = trend_test([right(0, 100), right(0, 120), right(0, 150)])
    assert (trend.direction, trend.best, trend.keep) == ("more", 2, 2)


def test_equal_checkpoints_show_nothing_and_keep_the_first():
    trend = trend_test([right(0, 100)] * 4)
    assert (trend.direction, trend.keep) == ("none", 0)


def test_a_rise_is_measured_over_the_last_two_steps():
    rose_early = [right(0, 50), right(0, 150), right(0, 151), right(0, 152)]
    assert trend_test(rose_early).direction == "none"


def test_two_checkpoints_are_enough():
    assert trend_test([right(0, 100), right(0, 150)]).direction == "more"
    assert trend_test([right(0, 150), right(0, 100)]).direction == "fewer"


def test_graded_scores_have_trends_too():
    rng = np.random.default_rng(0)
    base = rng.uniform(0.2, 0.6, 100)
    rising = [base, base + rng.uniform(0, 0.1, 100), base + rng.uniform(0.1, 0.2, 100)]
    assert trend_test(rising).direction == "more"
    assert trend_test(rising[::-1]).direction == "fewer"


def test_an_earlier_checkpoint_is_kept_when_it_is_shown_to_be_as_good():
    trend = trend_test([right(0, 500, 2000), right(0, 1005, 2000), right(0, 1010, 2000)])
    assert (trend.best, trend.keep) == (2, 1)


def test_a_plateau_rarely_asks_for_fewer():
    rng = np.random.default_rng(5)
    difficulty = rng.uniform(0.4, 1.0, 100)
    runs = [trend_test((rng.random((5, 100)) < difficulty).astype(float)) for _ in range(200)]
    assert np.mean([run.direction == "fewer" for run in runs]) <= 0.08


@pytest.mark.parametrize("checkpoints", [[], [[1.0]], [[1.0], [1.0, 0.0]]])
def test_what_has_no_trend_is_refused(checkpoints):
    with pytest.raises(ValueError, match="checkpoints"):
        trend_test(checkpoints)
