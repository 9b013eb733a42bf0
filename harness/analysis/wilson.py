"""The interval of a share, apart from the other statistics: plain runs need it and no numpy."""

from __future__ import annotations

import math

from harness.records import Estimate

Z_95 = 1.959963984540054
USUAL = 0.975


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> Estimate:
    """The Wilson score interval of a share.

    Assumes n independent samples. Unlike the Wald interval it does not shrink to +-0 at
    0 % and 100 %. Source: Wilson 1927; Brown, Cai, DasGupta 2001.

    Raises:
        ValueError: n < 1, or successes outside 0..n.
    """
    check_share(successes, n)
    low, high = wilson_limits(successes / n, n, normal_quantile((1 + confidence) / 2))
    return Estimate(successes / n, low, high, n, named("Wilson", confidence))


def wilson_limits(share: float, n: float, quantile: float = Z_95) -> tuple[float, float]:
    """The Wilson score limits of a share of n things; n need not be whole."""
    shrink = 1 + quantile**2 / n
    centre = (share + quantile**2 / (2 * n)) / shrink
    half = quantile * math.sqrt(share * (1 - share) / n + (quantile / (2 * n)) ** 2) / shrink
    # At the ends the limit is exact; floating point would leave it at 1 - 1e-16.
    return 0.0 if share == 0 else centre - half, 1.0 if share == 1 else centre + half


def check_share(successes: float, n: float) -> None:
    """Refuse counts that are no share."""
    if n <= 0:
        raise ValueError(f"n is {n}; a share needs at least one sample")
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} right answers of {n} samples is impossible")


def normal_quantile(probability: float) -> float:
    """The z below which a standard normal falls with this probability."""
    if probability == USUAL:
        return Z_95  # the same number, without the cost of importing scipy
    from scipy.special import ndtri

    return float(ndtri(probability))


def named(method: str, confidence: float) -> str:
    """The method's name, with its confidence where that is not the usual 95 %."""
    return method if confidence == 0.95 else f"{method} {confidence:.4g}"
