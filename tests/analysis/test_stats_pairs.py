import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness.analysis.stats import mcnemar_midp, tango_interval, tango_z
from harness.analysis.stats.pairs import tango_limits

VECTORS = [
    ((36, 12, 2, 0), 0.061112, 0.344709, 0.007385),
    ((20, 12, 2, 16), 0.061112, 0.344709, 0.007385),
    ((1, 1, 7, 12), -0.517232, -0.026003, 0.039063),
    ((90, 40, 20, 10), 0.030865, 0.218064, 0.009853),
    ((60, 15, 5, 20), 0.013447, 0.192397, 0.026604),
    ((30, 0, 0, 20), -0.071348, 0.071348, 1),
]


@st.composite
def tables(draw):
    n = draw(st.integers(1, 300))
    b = draw(st.integers(0, n))
    return b, draw(st.integers(0, n - b)), n


@pytest.mark.parametrize(("table", "low", "high", "p"), VECTORS)
def test_paired_table_matches_its_vector(table, low, high, p):
    _, b, c, _ = table
    estimate = tango_interval(b, c, sum(table))
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-5)
    assert mcnemar_midp(b, c) == pytest.approx(p, abs=1e-5)


@given(tables())
def test_swapping_the_models_mirrors_the_interval(table):
    b, c, n = table
    there, back = tango_interval(b, c, n), tango_interval(c, b, n)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-9)
    assert mcnemar_midp(b, c) == mcnemar_midp(c, b)


@given(tables())
def test_interval_contains_its_estimate_and_stays_in_range(table):
    estimate = tango_interval(*table)
    assert -1 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert estimate.high - estimate.low > 0.01


@given(tables())
def test_limits_are_where_the_statistic_reaches_its_quantile(table):
    estimate = tango_interval(*table)
    for limit, z in [(estimate.low, 1.959964), (estimate.high, -1.959964)]:
        if abs(limit) < 1:
            assert float(tango_z(*table, limit)) == pytest.approx(z, abs=1e-4)


@given(tables())
def test_one_more_win_raises_the_interval(table):
    b, c, n = table
    before, after = tango_interval(b, c, n + 1), tango_interval(b + 1, c, n + 1)
    assert before.low <= after.low + 1e-9
    assert before.high <= after.high + 1e-9


@given(tables(), st.floats(-0.99, 0.98), st.floats(0.001, 0.01))
def test_statistic_falls_with_the_difference_tested(table, difference, step):
    assert tango_z(*table, difference) >= tango_z(*table, difference + step)


def test_one_sample_spans_nearly_everything():
    assert tango_interval(1, 0, 1).low < 0
    assert tango_interval(0, 0, 1).high - tango_interval(0, 0, 1).low > 1.5


def test_all_discordant_reaches_the_edge():
    assert tango_interval(50, 0, 50).high == 1
    assert tango_interval(0, 50, 50).low == -1


@pytest.mark.parametrize("n", [30, 100])
@pytest.mark.parametrize(("psi", "difference"), [(0.1, 0), (0.2, 0.05), (0.3, -0.15), (0.05, 0.02)])
def test_tango_covers_what_it_promises(n, psi, difference):
    b, c = (grid.ravel() for grid in np.meshgrid(np.arange(n + 1), np.arange(n + 1)))
    b, c = b[b + c <= n], c[b + c <= n]
    only_tuned, only_base = (psi + difference) / 2, (psi - difference) / 2
    chances = scipy_stats.multinomial.pmf(
        np.stack([b, c, n - b - c], axis=1), n, [only_tuned, only_base, 1 - psi]
    )
    low, high = tango_limits(b, c, n, 1.959964)
    covered = (low <= difference) & (difference <= high)
    assert 0.93 <= math.fsum(chances[covered]) <= 1


@given(st.integers(0, 60), st.integers(0, 60))
def test_midp_is_the_exact_p_less_half_its_last_table(b, c):
    n = b + c
    exact = scipy_stats.binomtest(b, n, 0.5).pvalue if n else 1.0
    last = scipy_stats.binom.pmf(b, n, 0.5)
    expected = 1.0 if n == 0 else 1 - last / 2 if b == c else exact - last
    assert mcnemar_midp(b, c) == pytest.approx(expected, abs=1e-9)


def test_midp_survives_many_discordant_samples():
    assert mcnemar_midp(3000, 2900) == pytest.approx(0.1931, abs=0.001)


@pytest.mark.parametrize(("b", "c", "n"), [(0, 0, 0), (-1, 0, 5), (0, -1, 5), (3, 3, 5)])
def test_impossible_tables_are_refused(b, c, n):
    with pytest.raises(ValueError, match="n=" if n else "n is 0"):
        tango_interval(b, c, n)


def test_negative_counts_have_no_p_value():
    with pytest.raises(ValueError, match="impossible"):
        mcnemar_midp(-1, 4)
