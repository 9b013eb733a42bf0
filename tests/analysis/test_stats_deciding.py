"""The number of further samples that a gate names, held against runs of that size."""

from bisect import bisect_left

import numpy as np
import pytest

from harness.analysis.stats import (
    Bar,
    difference_test,
    exceeds_p,
    falls_short_p,
    looks_to_decide,
    pairs_to_decide,
    score_test,
    scores_to_decide,
    share_exceeds_p,
    share_falls_short_p,
    tango_z,
)

ALONE = 0.05
BEST_OF_SIX = 0.05 / 6
SHARES = (0.0, 1.0)
RUNS = 400
HALF = 0.5
ALL = 1.0


def rights(right: int, n: int) -> list[float]:
    return [1.0] * right + [0.0] * (n - right)


def pairs(b: int, c: int, n: int) -> tuple[list[float], list[float]]:
    same = [1.0] * (n - b - c)
    return [1.0] * b + [0.0] * c + same, [0.0] * b + [1.0] * c + same


def test_no_failure_in_59_answers_shows_that_less_than_five_percent_fail():
    assert scores_to_decide([0.0] * 22, Bar(0.05, ALONE, 0.05, upward=False), bounds=SHARES) == 37


def test_the_best_of_six_needs_more_for_the_same():
    bar = Bar(0.05, BEST_OF_SIX, 0.05, upward=False)
    assert scores_to_decide([0.0] * 22, bar, bounds=SHARES) == 94 - 22


@pytest.mark.parametrize("level", [ALONE, BEST_OF_SIX])
@pytest.mark.parametrize("right", [8, 10, 15, 17, 18])
def test_a_share_is_decided_in_four_of_five_runs_of_that_size_and_hardly_before(right, level):
    bar = Bar(0.6, level, 0.05)
    more = scores_to_decide(rights(right, 22), bar, bounds=SHARES)
    assert more is not None
    assert decided_shares(right / 22, 22 + more, bar) > 0.75
    if more > 20:
        assert decided_shares(right / 22, 22 + more // 2, bar) < 0.75


def decided_shares(rate: float, n: int, bar: Bar) -> float:
    found = np.random.default_rng(1).binomial(n, rate, RUNS)
    if rate > bar.threshold:
        return float(
            np.mean([share_exceeds_p(k, n, bar.threshold) <= bar.pass_level for k in found])
        )
    return float(np.mean([share_falls_short_p(k, n, bar.threshold) <= 0.05 for k in found]))


@pytest.mark.parametrize("level", [ALONE, BEST_OF_SIX])
@pytest.mark.parametrize(
    ("b", "c", "n", "threshold"),
    [(0, 0, 22, -0.05), (3, 0, 40, 0.0), (2, 3, 60, -0.10), (8, 2, 60, 0.0), (2, 9, 60, -0.03)],
)
def test_pairs_are_decided_in_most_runs_of_that_size(b, c, n, threshold, level):
    bar = Bar(threshold, level, 0.05)
    more = pairs_to_decide(*pairs(b, c, n), bar)
    assert more is not None
    assert decided_pairs((b / n, c / n), n + more, bar) > 0.7


def decided_pairs(rates: tuple[float, float], size: int, bar: Bar) -> float:
    """The share of runs that the exact test decides; p falls with Tango's statistic."""
    above = rates[0] - rates[1] > bar.threshold
    test = exceeds_p if above else falls_short_p
    level = bar.pass_level if above else bar.fail_level
    drawn = np.random.default_rng(2).multinomial(size, [*rates, 1 - sum(rates)], 1000)
    tables = sorted(
        ((int(b), int(c)) for b, c, _ in drawn),
        key=lambda bc: float(tango_z(*bc, size, bar.threshold)),
        reverse=not above,
    )
    first = bisect_left(
        range(1000), True, key=lambda i: test(*tables[i], size, bar.threshold) <= level
    )
    return 1 - first / 1000


def test_graded_scores_are_decided_in_most_runs_of_that_size():
    seen = np.random.default_rng(3).beta(8, 3, 60)
    bar = Bar(float(seen.mean()) - 0.06, BEST_OF_SIX, 0.05)
    more = scores_to_decide(seen, bar, bounds=SHARES)
    assert more is not None
    drawn = np.random.default_rng(4).choice(seen, (30, 60 + more))
    ps = [score_test(row, bar.threshold, bounds=SHARES).p_above for row in drawn]
    assert HALF < np.mean(np.array(ps) <= BEST_OF_SIX) <= ALL


@pytest.mark.parametrize("level", [ALONE, BEST_OF_SIX])
def test_samples_in_clusters_are_decided_in_most_runs_of_that_size(level):
    rng = np.random.default_rng(5)
    documents = (rng.random((14, 5)) < rng.beta(6, 2, (14, 1))).astype(float)
    names = np.repeat(np.arange(14), 5)
    bar = Bar(float(documents.mean()) - 0.08, level, 0.05)
    more = scores_to_decide(documents.ravel(), bar, list(names), SHARES)
    assert more is not None
    count = round(14 * (70 + more) / 70)
    ps = [
        score_test(
            documents[rng.integers(0, 14, count)].ravel(),
            bar.threshold,
            list(np.repeat(np.arange(count), 5)),
            SHARES,
        ).p_above
        for _ in range(60)
    ]
    assert np.mean(np.array(ps) <= level) >= HALF


def test_paired_clusters_are_decided_in_most_runs_of_that_size():
    rng = np.random.default_rng(6)
    tuned = (rng.random((20, 4)) < 0.85).astype(float)
    base = (rng.random((20, 4)) < 0.75).astype(float)
    bar = Bar(0.0, BEST_OF_SIX, 0.05)
    more = pairs_to_decide(tuned.ravel(), base.ravel(), bar, list(np.repeat(np.arange(20), 4)))
    assert more is not None
    count = round(20 * (80 + more) / 80)
    labels = list(np.repeat(np.arange(count), 4))
    found = 0
    for _ in range(60):
        at = rng.integers(0, 20, count)
        test = difference_test(tuned[at].ravel(), base[at].ravel(), 0.0, labels)
        found += test.p_above <= BEST_OF_SIX
    assert found >= 30


def test_nothing_passes_before_there_are_ten_clusters():
    values, documents = rights(18, 20), [i // 5 for i in range(20)]
    more = scores_to_decide(values, Bar(0.3, ALONE, 0.05), documents, SHARES)
    assert more is not None
    assert more >= 26


def test_looking_after_every_sample_needs_more_of_them():
    differences = np.resize([1.0, 0, 0, 0, 0, 0, 0, -1.0, 0, 1.0], 60)
    bar = Bar(0.0, ALONE, 0.05)
    tuned, base = np.maximum(differences, 0), np.maximum(-differences, 0)
    at_the_end = pairs_to_decide(tuned, base, bar)
    always = looks_to_decide(differences, bar)
    assert at_the_end is not None
    assert always is not None
    assert always > at_the_end


def test_a_mean_on_the_threshold_is_settled_by_no_number():
    assert scores_to_decide(rights(12, 20), Bar(0.6, ALONE, 0.05), bounds=SHARES) is None
    assert pairs_to_decide(*pairs(3, 3, 40), Bar(0.0, ALONE, 0.05)) is None
