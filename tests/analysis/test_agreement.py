"""Agreement of two raters, against published examples and two other implementations."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from harness.analysis.agreement import (
    Table,
    agreement,
    cohen_kappa,
    kappa_standard_error,
)

# Cohen 1960 (Educ. Psychol. Meas. 20:37), table 1: two clinicians, 200 patients, kappa .492.
COHEN: Table = ((88, 14, 18), (10, 40, 10), (2, 6, 12))

# Fleiss, Cohen and Everitt 1969 (Psychol. Bull. 72:323), table 1: kappa .429.
FLEISS_COHEN_EVERITT: Table = ((106, 10, 4), (22, 28, 10), (2, 12, 6))

# Two readers of 50 grant proposals, the worked example of many textbooks: kappa .4.
GRANTS: Table = ((20, 5), (10, 15))


def pairs_of(table: Table) -> list[tuple[str, str]]:
    return [
        (f"m{i}", f"m{j}")
        for i, row in enumerate(table)
        for j, count in enumerate(row)
        for _ in range(int(count))
    ]


@pytest.mark.parametrize(
    ("table", "kappa"), [(FLEISS_COHEN_EVERITT, 0.429), (COHEN, 0.492), (GRANTS, 0.4)]
)
def test_kappa_is_that_of_published_examples(table: Table, kappa: float) -> None:
    assert cohen_kappa(table) == pytest.approx(kappa, abs=5e-4)


RANDOM = [
    tuple(
        tuple(float(x) for x in row) for row in np.random.default_rng(seed).integers(0, 30, (k, k))
    )
    for seed, k in enumerate((2, 2, 3, 4))
]


@pytest.mark.parametrize("table", [FLEISS_COHEN_EVERITT, COHEN, GRANTS, *RANDOM])
def test_kappa_and_its_error_are_those_of_other_packages(table: Table) -> None:
    from sklearn.metrics import cohen_kappa_score
    from statsmodels.stats.inter_rater import cohens_kappa

    first, second = zip(*pairs_of(table), strict=True)
    assert cohen_kappa(table) == pytest.approx(cohen_kappa_score(first, second))
    theirs = cohens_kappa(np.array(table))
    assert cohen_kappa(table) == pytest.approx(theirs.kappa)
    assert kappa_standard_error(table) == pytest.approx(theirs.std_kappa)


def test_the_swap_of_raters_changes_nothing() -> None:
    pairs = pairs_of(COHEN)
    one, other = agreement(pairs).kappa, agreement([(b, a) for a, b in pairs]).kappa
    assert one is not None
    assert other is not None
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


def test_perfect_agreement_still_has_a_width() -> None:
    found = agreement([("right", "right")] * 12 + [("wrong", "wrong")] * 8).kappa
    assert found is not None
    assert (found.value, found.high) == (1.0, 1.0)
    assert 0.4 < found.low < 0.8


def test_a_single_mark_has_no_kappa_and_says_why() -> None:
    found = agreement([("right", "right")] * 30)
    assert found.kappa is None
    assert "every time" in found.reason
    assert found.share.value == 1.0


def test_a_rater_without_variety_agrees_by_chance_alone() -> None:
    found = agreement([("right", "right")] * 15 + [("right", "wrong")] * 5)
    assert found.kappa is not None
    assert found.kappa.value == pytest.approx(0)
    assert found.share.value == 0.75


def test_counts_are_kept_by_pair() -> None:
    found = agreement([("right", "wrong"), ("right", "wrong"), ("wrong", "wrong")])
    assert found.count("right", "wrong") == 2
    assert found.count("wrong", "right") == 0
    assert found.n == 3


def test_no_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        agreement([])


@pytest.mark.parametrize("n", [20, 50, 200])
@pytest.mark.parametrize("prevalence", [0.5, 0.2, 0.1])
@pytest.mark.parametrize("kappa", [0.0, 0.4, 0.8, 0.9])
def test_the_interval_covers_as_often_as_it_says(n: int, prevalence: float, kappa: float) -> None:
    chance = prevalence * (1 - prevalence)
    cells = [prevalence**2 + kappa * chance, *[(1 - kappa) * chance] * 2]
    tables = np.random.default_rng(n).multinomial(n, [*cells, 1 - sum(cells)], size=600)
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for a, b, c, d in tables.tolist():
            told = agreement(pairs_of(((a, b), (c, d)))).kappa
            if told is not None:
                found.append(told.low <= kappa <= told.high)
    assert np.mean(found) >= 0.92


def test_the_interval_covers_with_three_marks_too() -> None:
    shares = np.array([[0.4, 0.05, 0.03], [0.04, 0.2, 0.03], [0.02, 0.03, 0.2]])
    truth = cohen_kappa(tuple(tuple(row) for row in shares.tolist()))
    tables = np.random.default_rng(3).multinomial(40, shares.ravel() / shares.sum(), size=800)
    estimates = [
        agreement(pairs_of(tuple(map(tuple, table.reshape(3, 3).tolist())))).kappa
        for table in tables
    ]
    covered = [e.low <= truth <= e.high for e in estimates if e is not None]
    assert np.mean(covered) >= 0.93
