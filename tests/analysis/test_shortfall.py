"""How many samples an open contrast lacks."""

from __future__ import annotations

import random
from statistics import mean, stdev

import pytest

from harness.analysis.shortfall import (
    is_practicable,
    samples_to_decide,
    samples_to_reach,
    wanted_prompts,
    wanted_samples,
)
from harness.analysis.stats import sample_variance, samples_needed
from harness.records import Estimate


def contrast(value: float, half: float, n: int) -> Estimate:
    return Estimate(value, value - half, value + half, n, "test")


def test_the_spread_is_read_from_the_width_of_the_interval() -> None:
    assert sample_variance(contrast(0.1, 0.05, 100)) == pytest.approx(0.0651, abs=1e-4)


def test_a_paired_difference_needs_what_connor_says() -> None:
    delta, psi = 0.05, 0.2
    half = 1.96 * ((psi - delta * delta) / 100) ** 0.5
    more = samples_to_decide(contrast(delta, half, 100), margin=0.02)
    assert more is not None
    assert more + 100 == pytest.approx(samples_needed(delta, psi), rel=0.02)


def test_so_many_samples_show_the_difference_in_four_of_five_tries() -> None:
    value, spread, n, rng = 0.1, 0.5, 50, random.Random(3)
    more = samples_to_decide(contrast(value, 1.96 * spread / n**0.5, n), margin=0.02)
    assert more is not None
    told = 0
    for _ in range(400):
        drawn = [rng.gauss(value, spread) for _ in range(n + more)]
        told += mean(drawn) - 1.96 * stdev(drawn) / len(drawn) ** 0.5 > 0
    assert told / 400 == pytest.approx(0.8, abs=0.06)


def test_a_score_on_the_bar_is_never_told_from_it() -> None:
    assert samples_to_reach(contrast(0.95, 0.04, 100), 0.95) is None
    assert not is_practicable(None, 100)


@pytest.mark.parametrize(
    ("more", "there", "practicable"),
    [(140, 40, True), (900, 5, True), (7_629, 40, False), (9_000, 600, True), (12_000, 900, False)],
)
def test_what_nobody_collects_is_not_asked_for(more: int, there: int, practicable: bool) -> None:
    assert is_practicable(more, there) is practicable


def test_forecasts_are_rounded_up_to_two_digits() -> None:
    assert "about 720 more held-out samples" in wanted_samples(
        717, "gain", contrast(0.02, 0.04, 100)
    )
    assert "about 7 more" in wanted_samples(7, "gain", contrast(0.02, 0.04, 100))


def test_training_prompts_are_asked_for_up_to_all_of_them() -> None:
    assert wanted_prompts(50, 40, None).startswith("ask about 90 training prompts")
    assert wanted_prompts(500, 40, 220).startswith("ask all 220 training prompts")
    assert wanted_prompts(None, 220, 220).startswith("measure another epoch")
