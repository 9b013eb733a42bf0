import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.stats import noninferiority_p, tango_z
from harness.analysis.stats.noninferiority import (
    fewest_rejecting,
    rejection_probability,
    upper_tail,
)


@pytest.mark.parametrize(
    ("b", "c", "n", "margin", "p"),
    [
        (15, 5, 100, 0.05, 0.000751),
        (10, 8, 100, 0.05, 0.058993),
        (0, 0, 50, 0.05, 0.076941),
        (12, 2, 50, -0.05, 0.021829),
        (7, 1, 21, 0.0, 0.017658),
    ],
)
def test_exact_p_matches_its_vector(b, c, n, margin, p):
    assert noninferiority_p(b, c, n, margin) == pytest.approx(p, abs=1e-4)


@pytest.mark.parametrize(("b", "c", "n", "z"), [(15, 5, 100, 3.173037), (0, 0, 50, 1.622214)])
def test_asymptotic_statistic_matches_its_vector(b, c, n, z):
    assert float(tango_z(b, c, n, -0.05)) == pytest.approx(z, abs=1e-5)


def test_asymptotic_p_matches_its_vector():
    assert upper_tail(3.173037) == pytest.approx(0.000754, abs=1e-6)
    assert upper_tail(1.622214) == pytest.approx(0.052379, abs=1e-6)


def test_large_samples_use_the_asymptotic_p():
    assert noninferiority_p(110, 110, 1100, 0.0) == pytest.approx(0.5)


@pytest.mark.parametrize(("b", "c"), [(90, 100), (95, 92), (105, 90)])
def test_exact_p_is_a_little_above_the_asymptotic_one_where_they_meet(b, c):
    exact, asymptotic = (noninferiority_p(b, c, n, 0.02) for n in (1000, 1001))
    assert asymptotic - 0.001 < exact < asymptotic + 0.02


@given(st.integers(1, 25), st.floats(-0.4, 0.4))
def test_more_wins_for_the_same_losses_are_always_more_favourable(n, difference):
    c, b = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    z = np.where(b + c <= n, tango_z(b, c, n, difference), np.inf)
    assert (z[:, 1:] >= z[:, :-1] - 1e-9).all()


@settings(max_examples=25)
@given(st.integers(2, 30), st.data())
def test_rejection_probability_sums_the_multinomial(n, data):
    b = data.draw(st.integers(0, n))
    c = data.draw(st.integers(0, n - b))
    difference, q = data.draw(st.sampled_from([(-0.05, 0.2), (0.0, 0.1), (0.1, 0.05)]))
    observed = float(tango_z(b, c, n, difference))
    ours = rejection_probability(
        fewest_rejecting(observed, n, difference), np.array([q]), difference
    )
    assert float(ours[0]) == pytest.approx(by_enumeration(observed, n, q, difference), abs=1e-9)


def by_enumeration(observed, n, q, difference):
    from scipy.stats import multinomial

    tables = [(b, c, n - b - c) for b in range(n + 1) for c in range(n + 1 - b)]
    shares = [q + difference, q, 1 - 2 * q - difference]
    favourable = [t for t in tables if tango_z(t[0], t[1], n, difference) >= observed - 1e-9]
    return float(multinomial.pmf(favourable, n, shares).sum())


def test_the_test_never_errs_more_often_than_it_says():
    n, margin = 40, 0.1
    tables = [(b, c) for b in range(13) for c in range(13)]
    passed = [t for t in tables if noninferiority_p(*t, n, margin) <= 0.05]
    for q in (0.1, 0.12, 0.15, 0.2):
        assert chance(passed, n, q - margin, q) <= 0.05


def chance(tables, n, only_tuned, only_base):
    from scipy.stats import multinomial

    rows = [(b, c, n - b - c) for b, c in tables]
    return float(
        multinomial.pmf(rows, n, [only_tuned, only_base, 1 - only_tuned - only_base]).sum()
    )


def test_a_wider_margin_is_easier_to_pass():
    ps = [noninferiority_p(10, 12, 120, margin) for margin in (0.0, 0.05, 0.1)]
    assert ps == sorted(ps, reverse=True)


def test_certainty_about_worse_is_the_mirrored_question():
    assert noninferiority_p(2, 30, 100, 0.05) > 0.99
    assert noninferiority_p(30, 2, 100, -0.05) < 0.01


@pytest.mark.parametrize("margin", [-1, 1, 1.5, float("nan")])
def test_margins_that_are_no_difference_are_refused(margin):
    with pytest.raises(ValueError, match="margin"):
        noninferiority_p(1, 1, 10, margin)


def test_impossible_tables_are_refused():
    with pytest.raises(ValueError, match="impossible"):
        noninferiority_p(6, 5, 10, 0.05)
