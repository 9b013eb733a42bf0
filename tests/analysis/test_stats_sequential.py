import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.stats import (
    boundaries_at,
    e_value,
    e_values,
    first_at_least,
    look_boundaries,
    look_levels,
    tango_z,
)


@pytest.mark.parametrize(
    ("alpha", "boundaries"),
    [
        (0.05, (4.229, 2.888, 2.298, 1.962, 1.740)),
        (0.025, (4.877, 3.357, 2.680, 2.290, 2.031)),
    ],
)
def test_five_looks_match_their_vector(alpha, boundaries):
    assert look_boundaries(5, alpha) == pytest.approx(boundaries, abs=5e-4)


def test_one_look_is_a_plain_test():
    assert look_boundaries(1) == pytest.approx((1.644854,), abs=2e-4)
    assert look_levels(1) == pytest.approx((0.05,), abs=2e-5)


@pytest.mark.parametrize("looks", [2, 3, 8])
def test_more_looks_ask_for_less_each_time_and_for_little_more_at_last(looks):
    boundaries = look_boundaries(looks)
    assert list(boundaries) == sorted(boundaries, reverse=True)
    assert 1.644 < boundaries[-1] < 1.8


def test_looks_may_come_at_other_moments():
    uneven = boundaries_at((0.3, 0.9, 1.0))
    assert uneven[0] > uneven[1]
    walks = np.random.default_rng(0).normal(size=(200_000, 3)) * np.sqrt([0.3, 0.6, 0.1])
    z = walks.cumsum(axis=1) / np.sqrt([0.3, 0.9, 1.0])
    assert (z >= np.array(uneven)).any(axis=1).mean() == pytest.approx(0.05, abs=0.002)


@pytest.mark.parametrize("shares", [(), (0.5, 0.4, 1.0), (0.0, 1.0), (0.5, 0.9)])
def test_looks_that_do_not_end_at_the_end_are_refused(shares):
    with pytest.raises(ValueError, match="rise to 1"):
        boundaries_at(shares)


def test_impossible_looks_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        look_boundaries(0)
    with pytest.raises(ValueError, match="alpha"):
        look_boundaries(5, 0.7)


def test_looking_five_times_passes_a_model_at_the_margin_no_more_often():
    rng = np.random.default_rng(1)
    kinds = rng.choice([1, -1, 0], size=(4000, 300), p=[0.10, 0.15, 0.75])
    passed = np.zeros(4000, dtype=bool)
    for n, boundary in zip((60, 120, 180, 240, 300), look_boundaries(5), strict=True):
        b, c = ((kinds[:, :n] == sign).sum(axis=1) for sign in (1, -1))
        passed |= tango_z(b, c, n, -0.05) >= boundary
    assert passed.mean() <= 0.06


def test_e_value_matches_its_vectors():
    assert e_value(15, 5, 100, -0.05) == pytest.approx(101.8547, abs=1e-3)
    assert e_value(15, 5, 100, 0.0) == pytest.approx(6.458014, abs=1e-5)


@given(st.permutations([1.0] * 5 + [-1.0] * 3 + [0.0] * 12))
def test_the_last_e_value_does_not_mind_the_order(differences):
    assert e_values(differences, -0.05)[-1] == pytest.approx(e_value(5, 3, 20, -0.05))


@given(st.integers(0, 30), st.integers(0, 30), st.floats(-0.9, 0.9))
@settings(max_examples=40)
def test_evidence_is_never_negative_and_grows_with_every_win(b, c, threshold):
    assert 0 <= e_value(b, c, 70, threshold) <= e_value(b + 1, c, 70, threshold)


@pytest.mark.parametrize("threshold", [-0.05, 0.0, 0.3])
def test_stopping_at_any_time_passes_a_model_at_the_threshold_no_more_often(threshold):
    rng = np.random.default_rng(2)
    lose = 0.1 if threshold < 0.1 else 0.0
    win = lose + threshold if threshold >= 0 else lose
    lose = lose - threshold if threshold < 0 else lose
    kinds = rng.choice([1, -1, 0], size=(1500, 300), p=[win, lose, 1 - win - lose])
    ever = [first_at_least(e_values(row, threshold), 20) is not None for row in kinds]
    assert np.mean(ever) <= 0.06


def test_a_clear_difference_is_seen_early():
    differences = np.tile([1.0, 0.0, 1.0, 0.0, 0.0], 40)
    reached = first_at_least(e_values(differences, -0.05), 20)
    assert reached is not None
    assert reached < 40
    assert first_at_least(e_values(-differences, 0.05), 20) is None


@pytest.mark.parametrize(("values", "threshold"), [([2.0], 0), ([0.5], 1), ([np.nan], 0), ([], 0)])
def test_what_cannot_be_bet_on_is_refused(values, threshold):
    with pytest.raises(ValueError, match=r"values|threshold|finite"):
        e_values(values, threshold)
