"""How many samples a difference needs, and how small a difference a sample can show.

psi is the discordance: the share of samples on which exactly one model is right.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from harness.analysis.stats.means import t_quantile
from harness.analysis.stats.pairs import one_sided_midp
from harness.analysis.stats.proportions import normal_quantile
from harness.records import Estimate

LEVEL = 0.05
POWER = 0.8
HALVINGS = 40


def samples_needed(delta: float, psi: float) -> int:
    """Samples to show a true difference ``delta`` with 80 % power at a two-sided 5 %.

    Assumes independent samples. Source: Connor 1987.

    Raises:
        ValueError: not 0 < abs(delta) <= psi <= 1.
    """
    check_difference(abs(delta), psi)
    level, power = normal_quantile(1 - LEVEL / 2), normal_quantile(POWER)
    spread = level * math.sqrt(psi) + power * math.sqrt(psi - delta * delta)
    return math.ceil(spread * spread / (delta * delta))


def samples_for_margin(margin: float, psi: float) -> int:
    """Samples to show non-inferiority by ``margin`` with 80 % power at a one-sided 5 %.

    Assumes that the models are equally good, and independent samples.

    Raises:
        ValueError: margin <= 0, or psi outside (0, 1].
    """
    if margin <= 0 or not 0 < psi <= 1:
        raise ValueError(f"margin {margin} and discordance {psi}: both must be positive shares")
    z = normal_quantile(1 - LEVEL) + normal_quantile(POWER)
    return math.ceil(z * z * psi / (margin * margin))


def samples_to_show(distance: float, variance: float) -> int | None:
    """Samples to tell a mean from a value ``distance`` away, with 80 % power at a two-sided 5 %.

    ``variance`` is that of one sample's value. The usual normal approximation; None where the
    distance is 0, which no number of samples shows.
    """
    if distance == 0:
        return None
    z = normal_quantile(1 - LEVEL / 2) + normal_quantile(POWER)
    return math.ceil(z * z * variance / (distance * distance))


def sample_variance(estimate: Estimate) -> float:
    """The variance of one sample's value that the width of a 95 % interval of the mean implies.

    Clusters and repeats widen the interval, so they count here too.
    """
    standard_error = (estimate.high - estimate.low) / (2 * normal_quantile(1 - LEVEL / 2))
    return estimate.n * standard_error * standard_error


def smallest_detectable_difference(n: int, psi: float) -> float | None:
    """The true difference that n samples show with 80 % power by McNemar's mid-p at 5 %.

    Exact, by enumeration. None where even the largest possible difference, psi, is missed.
    Assumes independent samples.

    Raises:
        ValueError: n < 1, or psi outside (0, 1].
    """
    if n < 1 or not 0 < psi <= 1:
        raise ValueError(f"n={n} and discordance {psi}: give n >= 1 and a share above 0")
    low, high = 0.0, psi
    if midp_power(n, psi, high) < POWER:
        return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if midp_power(n, psi, middle) >= POWER else (middle, high)
    return high


def midp_power(n: int, psi: float, delta: float) -> float:
    """The chance that McNemar's mid-p of n samples is <= 5 % under a true ``delta``."""
    from scipy.special import bdtr, bdtrc, gammaln, xlog1py, xlogy

    discordant = np.arange(n + 1)
    ways = gammaln(n + 1) - gammaln(discordant + 1) - gammaln(n - discordant + 1)
    chance = np.exp(ways + xlogy(discordant, psi) + xlog1py(n - discordant, -psi))
    critical = critical_counts(n)
    lead = min(1.0, (psi + delta) / (2 * psi))
    rejects = critical <= discordant
    upper = np.where(rejects, bdtrc(critical - 1, discordant, lead), 0.0)
    lower = np.where(rejects, bdtr(discordant - critical, discordant, lead), 0.0)
    return float((chance * (upper + lower)).sum())


@lru_cache(maxsize=8)
def critical_counts(n: int) -> npt.NDArray[np.int64]:
    """For 0..n discordant samples the fewest one-sided wins that reach mid-p <= 5 %.

    Where no number of wins does, one more than there are. The count never falls as discordant
    samples are added, so one pass finds them all.
    """
    critical = np.empty(n + 1, dtype=np.int64)
    wins = 1
    for total in range(n + 1):
        while wins <= total and 2 * one_sided_midp(wins, total - wins) > LEVEL:
            wins += 1
        critical[total] = wins
    return critical


def smallest_detectable_mean(deviation: float, n: int, level: float = LEVEL) -> float | None:
    """The true mean difference that n graded differences show with 80 % power.

    ``deviation`` is the standard deviation of the differences. The usual approximation
    (t at the level + t at the power) x standard error; None for n < 2, or differences that
    do not vary, whose real spread is unknown.
    """
    if n < 2 or deviation == 0:
        return None
    reach = t_quantile(n - 1, 1 - level / 2) + t_quantile(n - 1, POWER)
    return reach * deviation / math.sqrt(n)


def check_difference(delta: float, psi: float) -> None:
    """Refuse a difference that its discordance cannot produce."""
    if not 0 < delta <= psi <= 1:
        raise ValueError(f"a difference of {delta} needs a discordance of {delta}..1, not {psi}")
