"""Two models on the same samples, each answer right or wrong.

Notation: of n samples only the tuned model is right on b, only the base on c.
D = (b - c) / n is the difference, psi = (b + c) / n the discordance.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from harness.analysis.stats.proportions import named, normal_quantile
from harness.records import Estimate

FloatArray = npt.NDArray[np.float64]

HALVINGS = 52  # of an interval at most 2 wide: exact to the last bit of a double
NO_VARIANCE = 1e-12


def tango_interval(b: int, c: int, n: int, confidence: float = 0.95) -> Estimate:
    """Tango's score interval of the paired difference (b - c) / n.

    Near its nominal coverage from n = 30 on, also near 100 % right answers; b = c = 0 gives
    an interval of honest width. It inverts the statistic that the gate tests with.
    Assumes independent samples. Source: Tango 1998.

    Raises:
        ValueError: impossible counts.
    """
    check_pairs(b, c, n)
    z = normal_quantile((1 + confidence) / 2)
    low, high = tango_limits(np.float64(b), np.float64(c), np.float64(n), z)
    return Estimate((b - c) / n, float(low), float(high), n, named("Tango", confidence))


def tango_limits(
    b: npt.ArrayLike, c: npt.ArrayLike, n: npt.ArrayLike, z: float
) -> tuple[FloatArray, FloatArray]:
    """The differences at which `tango_z` is +z and -z, elementwise over the tables."""
    b, c, n = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (b, c, n)))
    centre = (b - c) / n
    low = boundary(lambda x: tango_z(b, c, n, x) > z, np.full_like(centre, -1.0), centre)
    high = boundary(lambda x: tango_z(b, c, n, x) < -z, np.full_like(centre, 1.0), centre)
    return low, high


def boundary(
    rejected: Callable[[FloatArray], npt.NDArray[np.bool_]], outside: FloatArray, inside: FloatArray
) -> FloatArray:
    """Bisect to where rejection begins; ``outside`` itself where nothing is rejected."""
    limit = outside
    for _ in range(HALVINGS):
        middle = (outside + inside) / 2
        out = rejected(middle)
        outside, inside = np.where(out, middle, outside), np.where(out, inside, middle)
    return np.where(rejected(limit), inside, limit)


def tango_z(
    b: npt.ArrayLike, c: npt.ArrayLike, n: npt.ArrayLike, difference: npt.ArrayLike
) -> FloatArray:
    """Tango's score statistic against a true difference; positive speaks for the tuned model.

    Elementwise over arrays that broadcast; falls from +inf to -inf as ``difference`` grows.
    ``q`` is the likeliest share of "only the base is right" under that difference.
    """
    b, c, n, x = (np.asarray(value, dtype=np.float64) for value in (b, c, n, difference))
    A = 2 * n
    B = -b - c + (2 * n - b + c) * x
    C = -c * x * (1 - x)
    q = (np.sqrt(np.maximum(B * B - 4 * A * C, 0)) - B) / (2 * A)
    variance = 2 * q + x * (1 - x)
    surplus = b - c - n * x
    certain = np.where(np.abs(surplus) < NO_VARIANCE * n, 0.0, np.copysign(np.inf, surplus))
    varies = variance > NO_VARIANCE
    spread = np.sqrt(n * np.where(varies, variance, 1.0))
    return np.where(varies, surplus / spread, certain)


def is_binary(first: FloatArray, second: FloatArray) -> bool:
    """Every score of both models is 0 or 1."""
    return bool(np.isin(first, (0.0, 1.0)).all() and np.isin(second, (0.0, 1.0)).all())


def discordant(first: FloatArray, second: FloatArray) -> tuple[int, int]:
    """How many samples only the first, and only the second, has right."""
    return int((first > second).sum()), int((second > first).sum())


def mcnemar_midp(b: int, c: int) -> float:
    """The two-sided McNemar mid-p value of "both models are equally often right".

    Under that hypothesis b is binomial(b + c, 1/2). No discordant sample: 1.
    Assumes independent samples. Source: Fagerland, Lydersen, Laake 2013.

    Raises:
        ValueError: negative counts.
    """
    check_pairs(b, c, max(b + c, 1))
    if b + c == 0:
        return 1.0
    if b == c:
        return 1 - half_chance(b, c)
    return 2 * one_sided_midp(max(b, c), min(b, c))


def one_sided_midp(b: int, c: int) -> float:
    """The mid-p value of "b leads c only by chance"; small where b leads clearly."""
    from scipy.special import bdtrc

    return float(bdtrc(b, b + c, 0.5)) + half_chance(b, c)


def half_chance(b: int, c: int) -> float:
    """Half the probability of exactly this split of b + c fair coins."""
    from scipy.special import gammaln

    ways = gammaln(b + c + 1) - gammaln(b + 1) - gammaln(c + 1)
    return 0.5 * float(np.exp(ways - (b + c) * np.log(2)))


def check_pairs(b: int, c: int, n: int) -> None:
    """Refuse counts that no paired table can have."""
    if n < 1:
        raise ValueError(f"n is {n}; a paired comparison needs at least one sample")
    if b < 0 or c < 0 or b + c > n:
        raise ValueError(f"b={b} and c={c} are impossible among n={n} samples")
