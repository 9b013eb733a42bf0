import pytest

from harness.analysis.stats import (
    samples_for_margin,
    samples_needed,
    smallest_detectable_difference,
    smallest_detectable_mean,
)

DETECTABLE = {
    0.1: {50: None, 100: 0.082, 200: 0.060, 300: 0.050, 500: 0.039, 1000: 0.028},
    0.2: {50: 0.164, 100: 0.121, 200: 0.087, 300: 0.071, 500: 0.056, 1000: 0.040},
    0.3: {50: 0.205, 100: 0.151, 200: 0.107, 300: 0.088, 500: 0.068, 1000: 0.048},
}


@pytest.mark.parametrize("psi", DETECTABLE)
def test_smallest_detectable_difference_matches_its_table(psi):
    found = {n: smallest_detectable_difference(n, psi) for n in DETECTABLE[psi]}
    assert found == pytest.approx(DETECTABLE[psi], abs=1e-3)


def test_samples_needed_match_their_vectors():
    assert samples_needed(0.05, 0.2) == samples_needed(-0.05, 0.2) == 626
    assert samples_needed(0.10, 0.2) == 155
    assert samples_for_margin(0.05, 0.2) == 495


def test_planning_and_detecting_agree():
    assert smallest_detectable_difference(626, 0.2) == pytest.approx(0.05, abs=0.002)


def test_more_samples_show_smaller_differences():
    found = [smallest_detectable_difference(n, 0.25) for n in (40, 80, 160, 320)]
    assert found == sorted(found, reverse=True)


def test_too_few_samples_show_nothing():
    assert smallest_detectable_difference(1, 1.0) is None
    assert smallest_detectable_mean(0.2, 1) is None
    assert smallest_detectable_mean(0.0, 50) is None


def test_smallest_detectable_mean_is_about_2_8_standard_errors():
    assert smallest_detectable_mean(0.5, 400) == pytest.approx(2.8 * 0.5 / 20, rel=0.01)


@pytest.mark.parametrize(("delta", "psi"), [(0, 0.2), (0.3, 0.2), (0.1, 1.2)])
def test_impossible_differences_are_refused(delta, psi):
    with pytest.raises(ValueError, match="discordance"):
        samples_needed(delta, psi)


def test_impossible_plans_are_refused():
    with pytest.raises(ValueError, match="margin"):
        samples_for_margin(0, 0.2)
    with pytest.raises(ValueError, match="n=0"):
        smallest_detectable_difference(0, 0.2)
