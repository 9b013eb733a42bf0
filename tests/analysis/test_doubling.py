"""What twice the data bring: the formula by hand, and what its interval covers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.analysis.doubling import data_difference, growth, next_doubling, power_gain
from harness.analysis.stats.means import t_quantile
from harness.records import Estimate

WHOLE = [[1, 1, 1, 0, 1, 1, 0, 1], [1, 1, 0, 0, 1, 1, 1, 1]]
HALVES = [[1, 0, 1, 0, 1, 0, 0, 1], [1, 1, 0, 0, 1, 0, 0, 1], [0, 0, 1, 0, 1, 1, 0, 1]]


def test_the_formula_by_hand() -> None:
    found = data_difference(WHOLE, HALVES)
    assert found.value == pytest.approx(12 / 16 - 12 / 24)
    d = [1 / 3, 2 / 3, -1 / 6, 0, 0, 2 / 3, 1 / 2, 0]
    centre = sum(d) / 8
    sampling = sum((x - centre) ** 2 for x in d) / 7 / 8
    between_halves, between_seeds = 0.0, 0.0  # 4 of 8 in each half, 6 of 8 in each seed
    error = math.sqrt(sampling + between_halves + between_seeds)
    assert found.high - found.value == pytest.approx(t_quantile(7) * error)


def test_halves_that_differ_widen_the_interval() -> None:
    apart = [[1, 0, 1, 0, 1, 0, 0, 1], [1, 1, 1, 0, 1, 0, 1, 1], [0, 0, 0, 0, 1, 1, 0, 0]]
    found = data_difference(WHOLE, apart)
    assert found.value == pytest.approx(12 / 16 - 12 / 24)
    means = np.mean(apart, axis=1)  # .5, .75, .25
    sampling = np.var(np.mean(WHOLE, axis=0) - np.mean(apart, axis=0), ddof=1) / 8
    runs = np.var(means, ddof=1) / 3
    freedom = (sampling + runs) ** 2 / (sampling**2 / 7 + runs**2 / 2)
    half = t_quantile(freedom) * math.sqrt(sampling + runs)
    assert found.high - found.value == pytest.approx(half)


def test_without_a_second_seed_the_method_says_what_is_missing() -> None:
    assert "seed variance not included" in data_difference(WHOLE[:1], HALVES).method
    assert "seed" not in data_difference(WHOLE, HALVES).method


def test_one_half_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        data_difference(WHOLE, HALVES[:1])


def test_models_that_never_differ_are_not_certain() -> None:
    found = data_difference([[1.0] * 40], [[1.0] * 40] * 3)
    assert found.value == 0
    assert found.low < -0.05 < 0.05 < found.high


@pytest.mark.parametrize(("gain", "left", "expected"), [(0.1, 0.4, 0.075), (0.2, 0.2, 0.0)])
def test_a_power_law_shrinks_the_error_by_the_same_factor(
    gain: float, left: float, expected: float
) -> None:
    assert power_gain(gain, left) == pytest.approx(expected)
    whole, after = left - gain, left - gain - expected
    assert after * left == pytest.approx(whole**2)


def test_the_next_doubling_lies_between_both_laws() -> None:
    last = Estimate(0.10, 0.04, 0.16, 100, "t")
    found = next_doubling(last, 0.6, Estimate(0.7, 0.6, 0.79, 100, "w"))
    assert found.log_linear.value == pytest.approx(0.10)
    assert found.power_law.value == pytest.approx(0.075)
    assert (found.power_law.low, found.power_law.high) == pytest.approx((0.036, 0.096))
    assert (found.union.low, found.union.high) == pytest.approx((0.036, 0.16))
    assert found.union.value == pytest.approx(0.0875)


def test_no_gain_is_larger_than_the_errors_left() -> None:
    last = Estimate(0.3, 0.2, 0.4, 100, "t")
    found = next_doubling(last, 0.65, Estimate(0.95, 0.89, 0.98, 100, "w"))
    assert found.log_linear.value == pytest.approx(0.05)
    assert (found.union.low, found.union.high) == pytest.approx((0.02, 0.11))


def test_gains_that_grow_are_before_the_power_law() -> None:
    rng = np.random.default_rng(0)

    def runs(share: float, count: int) -> list[list[float]]:
        return (rng.random((count, 300)) < share).astype(float).tolist()

    grown = growth(runs(0.9, 3), runs(0.4, 3), runs(0.3, 3))
    assert grown.low > 0
    assert growth(runs(0.8, 3), runs(0.7, 3), runs(0.55, 3)).low < 0


@pytest.mark.parametrize(
    ("seeds", "spread_of_halves", "spread_of_seeds"),
    [(1, 0.0, 0.0), (3, 0.02, 0.0), (3, 0.03, 0.02), (2, 0.05, 0.01)],
)
def test_the_interval_covers_the_gain_19_times_in_20(
    seeds: int, spread_of_halves: float, spread_of_seeds: float
) -> None:
    """Samples of different difficulty; halves and seeds that are better or worse as a whole."""
    rng = np.random.default_rng(7)
    truth, covered, trials, n = 0.08, 0, 600, 150
    for _ in range(trials):
        ease = rng.beta(4, 2, size=n)

        def answers(count: int, shift: float, spread: float, ease: np.ndarray = ease) -> np.ndarray:
            own = rng.normal(shift, spread, size=(count, 1)) if spread else shift
            chance = np.clip(0.1 + 0.7 * ease[None, :] + own, 0, 1)
            return (rng.random((count, n)) < chance).astype(float)

        found = data_difference(
            answers(seeds, truth, spread_of_seeds), answers(3, 0.0, spread_of_halves)
        )
        covered += found.low <= truth <= found.high
    assert 0.93 <= covered / trials <= 0.995


@pytest.mark.parametrize("law", ["log-linear", "power"])
def test_the_union_covers_the_next_gain_by_either_law(law: str) -> None:
    rng = np.random.default_rng(3)
    half, whole, n, trials, covered = 0.60, 0.72, 200, 300, 0
    truth = 0.12 if law == "log-linear" else 0.28 - 0.28**2 / 0.40
    for _ in range(trials):
        ease = rng.normal(0, 0.1, size=n)
        ours = (rng.random((2, n)) < np.clip(whole + ease, 0, 1)).astype(float)
        theirs = (rng.random((3, n)) < np.clip(half + ease, 0, 1)).astype(float)
        last = data_difference(ours, theirs)
        score = float(ours.mean())
        around = Estimate(score, score - 0.06, score + 0.06, n, "about")
        union = next_doubling(last, float(theirs.mean()), around).union
        covered += union.low <= truth <= union.high
    assert covered / trials >= 0.95
