import numpy as np
import pytest

from harness.analysis.stats import pooled_share_interval, wilson_interval


def drawn(rng, n: int, share: float):
    """Right fields and fields of n samples: 1 to 5 each, alike within a sample."""
    odds = 7 / 3
    sizes = rng.integers(1, 6, n)
    return rng.binomial(sizes, rng.beta(share * odds, (1 - share) * odds, n)), sizes


def test_the_share_is_that_of_all_things_together():
    assert pooled_share_interval([1, 0, 4], [1, 3, 4]).value == 5 / 8


def test_one_thing_a_sample_is_an_ordinary_share_but_for_the_quantile():
    marks = [1.0] * 70 + [0.0] * 30
    ours, wilson = pooled_share_interval(marks, [1.0] * 100), wilson_interval(70, 100)
    assert (ours.value, ours.n) == (wilson.value, 100)
    assert ours.low == pytest.approx(wilson.low, abs=0.003)
    assert ours.high == pytest.approx(wilson.high, abs=0.003)


def test_things_of_one_sample_count_as_one_observation():
    marks = np.array([1.0] * 12 + [0.0] * 8)
    many = pooled_share_interval(6 * marks, [6.0] * 20)
    assert many == pooled_share_interval(marks, [1.0] * 20)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_or_nothing_never_claims_certainty(value):
    found = pooled_share_interval([4 * value] * 20, [4.0] * 20)
    assert found.value == value
    assert found.high - found.low == pytest.approx(1 - 0.05 ** (1 / 20))


def test_one_sample_gives_the_whole_range():
    found = pooled_share_interval([1.0], [2.0])
    assert (found.value, found.low, found.high, found.n) == (0.5, 0, 1, 1)


@pytest.mark.parametrize(("n", "share"), [(20, 0.9), (50, 0.5), (138, 0.05)])
def test_the_interval_covers_the_true_share_as_often_as_it_says(n, share):
    rng = np.random.default_rng(7)
    found = [pooled_share_interval(*drawn(rng, n, share)) for _ in range(800)]
    covered = sum(e.low <= share <= e.high for e in found) / len(found)
    assert 0.92 <= covered <= 0.98


@pytest.mark.parametrize(
    ("parts", "wholes", "said"),
    [
        ([1.0], [1.0, 2.0], "pair them"),
        ([2.0], [1.0], "above its whole"),
        ([-1.0], [1.0], "below 0"),
        ([0.0], [0.0], "no share of nothing"),
        ([], [], "at least one number"),
    ],
)
def test_what_is_no_share_is_refused(parts, wholes, said):
    with pytest.raises(ValueError, match=said):
        pooled_share_interval(parts, wholes)
