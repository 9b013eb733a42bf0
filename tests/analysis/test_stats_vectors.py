"""Every published test vector in one place, those of methods that are only compared with included.

Newcombe's, Bonett and Price's and Jeffreys' intervals, the exact McNemar test and CR0 are no part
of the harness; the formulas here show that the vectors mean what their names say.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.contingency_tables import mcnemar

from harness.analysis import stats
from harness.analysis.stats.differences import paired_difference
from harness.analysis.stats.means import cluster_labels, cr1_variance, mean_interval
from harness.analysis.stats.noninferiority import upper_tail

Z = scipy_stats.norm.ppf(0.975)
NEAR = 1e-5

PAIRS = [
    # a, b, c, d, Tango, Newcombe, Bonett-Price, exact McNemar, mid-p
    (
        36,
        12,
        2,
        0,
        (0.061112, 0.344709),
        (0.056930, 0.340428),
        (0.050892, 0.333724),
        0.012939,
        0.007385,
    ),
    (
        20,
        12,
        2,
        16,
        (0.061112, 0.344709),
        (0.056156, 0.329207),
        (0.050892, 0.333724),
        0.012939,
        0.007385,
    ),
    (
        1,
        1,
        7,
        12,
        (-0.517232, -0.026003),
        (-0.506920, -0.025559),
        (-0.508359, -0.013380),
        0.070313,
        0.039063,
    ),
    (
        90,
        40,
        20,
        10,
        (0.030865, 0.218064),
        (0.030272, 0.216998),
        (0.030109, 0.216805),
        0.013489,
        0.009853,
    ),
    (
        60,
        15,
        5,
        20,
        (0.013447, 0.192397),
        (0.011963, 0.186557),
        (0.009942, 0.186136),
        0.041389,
        0.026604,
    ),
    (30, 0, 0, 20, (-0.071348, 0.071348), (-0.040380, 0.040380), (-0.053304, 0.053304), 1, 1),
]


@pytest.mark.parametrize(("a", "b", "c", "d", "tango", "newcombe", "price", "exact", "midp"), PAIRS)
def test_a_paired_table(a, b, c, d, tango, newcombe, price, exact, midp):
    found = stats.tango_interval(b, c, a + b + c + d)
    assert (found.low, found.high) == pytest.approx(tango, abs=NEAR)
    assert stats.mcnemar_midp(b, c) == pytest.approx(midp, abs=NEAR)
    assert mcnemar([[a, b], [c, d]], exact=True).pvalue == pytest.approx(exact, abs=NEAR)
    assert bonett_price(b, c, a + b + c + d) == pytest.approx(price, abs=NEAR)
    assert newcombes(a, b, c, d) == pytest.approx(newcombe, abs=NEAR)


def bonett_price(b, c, n):
    p, q = (b + 1) / (n + 2), (c + 1) / (n + 2)
    half = Z * math.sqrt((p + q - (p - q) ** 2) / (n + 2))
    return p - q - half, p - q + half


def newcombes(a, b, c, d):
    n = a + b + c + d
    first, second = stats.wilson_interval(a + b, n), stats.wilson_interval(a + c, n)
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    surplus = a * d - b * c
    if surplus > 0:
        surplus = max(surplus - n / 2, 0)  # Newcombe's continuity correction
    phi = surplus / math.sqrt(margins) if margins else 0.0
    up1, down1 = first.high - first.value, first.value - first.low
    up2, down2 = second.high - second.value, second.value - second.low
    below = math.sqrt(down1**2 - 2 * phi * down1 * up2 + up2**2)
    above = math.sqrt(up1**2 - 2 * phi * up1 * down2 + down2**2)
    difference = first.value - second.value
    return difference - below, difference + above


@pytest.mark.parametrize(
    ("right", "n", "wilson"),
    [(41, 50, (0.692039, 0.902298)), (50, 50, (0.928652, 1)), (0, 20, (0, 0.161125))],
)
def test_one_score(right, n, wilson):
    found = stats.wilson_interval(right, n)
    assert (found.low, found.high) == pytest.approx(wilson, abs=NEAR)


def test_other_intervals_of_one_score():
    found = stats.clopper_pearson_interval(41, 50)
    assert (found.low, found.high) == pytest.approx((0.685631, 0.914238), abs=NEAR)
    jeffreys = scipy_stats.beta.ppf([0.025, 0.975], 41.5, 9.5)
    assert jeffreys.tolist() == pytest.approx((0.697195, 0.907024), abs=NEAR)


@pytest.mark.parametrize(
    ("b", "c", "n", "z", "p"), [(15, 5, 100, 3.173037, 0.000754), (0, 0, 50, 1.622214, 0.052379)]
)
def test_asymptotic_noninferiority(b, c, n, z, p):
    found = float(stats.tango_z(b, c, n, -0.05))
    assert found == pytest.approx(z, abs=NEAR)
    assert upper_tail(found) == pytest.approx(p, abs=1e-6)


@pytest.mark.parametrize(
    ("b", "c", "n", "threshold", "p"),
    [
        (15, 5, 100, -0.05, 0.000751),
        (10, 8, 100, -0.05, 0.058993),
        (0, 0, 50, -0.05, 0.076941),
        (12, 2, 50, 0.05, 0.021829),
        (7, 1, 21, 0, 0.017658),
    ],
)
def test_exact_noninferiority(b, c, n, threshold, p):
    assert stats.exceeds_p(b, c, n, threshold) == pytest.approx(p, abs=1e-4)
    assert stats.falls_short_p(c, b, n, -threshold) == pytest.approx(p, abs=1e-4)


def test_clusters():
    d = np.array([1, 0, 0, 1, 1, 1, 0, -1, 0, 0, 0, 1, 0, 0, -1, 1, 1, 0, 0, 0], dtype=float)
    g = [0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 5, 5]
    assert d.mean() == 0.25
    plain = mean_interval(d)
    error = (plain.high - plain.value) / scipy_stats.t.ppf(0.975, 19)
    assert error == pytest.approx(0.142810, abs=NEAR)
    variance = cr1_variance(d, cluster_labels(g, 20))
    assert math.sqrt(variance) == pytest.approx(0.189737, abs=NEAR)
    assert math.sqrt(variance * 5 / 6) == pytest.approx(0.173205, abs=NEAR)  # CR0
    estimate, p = paired_difference(d / 2 + 0.5, 0.5 - d / 2, g)
    assert (estimate.low, estimate.high) == pytest.approx((-0.237734, 0.737734), abs=NEAR)
    assert p == pytest.approx(0.244774, abs=NEAR)


def test_repeats():
    rows = [[int(mark) for mark in row] for row in ("1101", "0000", "1111", "1001", "0100")]
    estimate, parts = stats.repeats_mean_interval(rows), stats.variance_parts(rows)
    error = (estimate.high - estimate.value) / scipy_stats.t.ppf(0.975, 4)
    assert (estimate.value, error) == pytest.approx((0.5, 0.176777), abs=NEAR)
    assert parts.within == pytest.approx(0.166667, abs=NEAR)
    assert parts.between == pytest.approx(0.114583, abs=NEAR)
    assert 4 * parts.between + parts.within == pytest.approx(0.625, abs=NEAR)  # MSB
    assert parts.standard_error(5, 1) == pytest.approx(0.237171, abs=NEAR)
    assert parts.standard_error(5, 16) == pytest.approx(0.158114, abs=NEAR)


def test_many_tests():
    ps = [0.01, 0.04, 0.03, 0.005, 0.2]
    assert stats.holm(ps) == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.2])
    assert stats.benjamini_hochberg(ps) == pytest.approx([0.025, 0.05, 0.05, 0.025, 0.2])


def test_early_stopping():
    assert stats.e_value(15, 5, 100, -0.05) == pytest.approx(101.8547, abs=1e-3)
    assert stats.e_value(15, 5, 100, 0) == pytest.approx(6.458014, abs=NEAR)
    five, stricter = stats.look_boundaries(5), stats.look_boundaries(5, 0.025)
    assert five == pytest.approx((4.229, 2.888, 2.298, 1.962, 1.740), abs=5e-4)
    assert stricter == pytest.approx((4.877, 3.357, 2.680, 2.290, 2.031), abs=5e-4)


def test_sample_sizes():
    assert (stats.samples_needed(0.05, 0.2), stats.samples_needed(0.1, 0.2)) == (626, 155)
    assert stats.samples_for_margin(0.05, 0.2) == 495


def test_sign_flips():
    differences = [0.3, 0.1, -0.2, 0.4, 0.5, 0.2, 0, 0.1]
    assert stats.sign_flip_p(differences) == pytest.approx(0.09375)
