"""The share of right answers of one model."""

from __future__ import annotations

import math

from harness.records import Estimate


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> Estimate:
    """The Wilson score interval of a share.

    Assumes n independent samples. Unlike the Wald interval it does not shrink to +-0 at
    0 % and 100 %. Source: Wilson 1927; Brown, Cai, DasGupta 2001.

    Raises:
        ValueError: n < 1, or successes outside 0..n.
    """
    check_share(successes, n)
    z = normal_quantile((1 + confidence) / 2)
    share = successes / n
    shrink = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / shrink
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / shrink
    # At the ends the limit is exact; floating point would leave it at 1 - 1e-16.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Estimate(share, low, high, n, named("Wilson", confidence))


def clopper_pearson_interval(successes: int, n: int, confidence: float = 0.95) -> Estimate:
    """The exact interval of a share: real coverage is never below the nominal one.

    A one-sided 95 % floor ("at least 90 % right") is ``.low`` at ``confidence=0.9``.
    Assumes n independent samples. Source: Clopper, Pearson 1934 (quantiles of the beta).

    Raises:
        ValueError: n < 1, or successes outside 0..n.
    """
    from scipy.special import betaincinv

    check_share(successes, n)
    tail = (1 - confidence) / 2
    low = float(betaincinv(successes, n - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - tail)) if successes < n else 1.0
    return Estimate(successes / n, low, high, n, named("Clopper-Pearson", confidence))


def check_share(successes: int, n: int) -> None:
    """Refuse counts that are no share."""
    if n < 1:
        raise ValueError(f"n is {n}; a share needs at least one sample")
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} right answers of {n} samples is impossible")


def normal_quantile(probability: float) -> float:
    """The z below which a standard normal falls with this probability."""
    from scipy.special import ndtri

    return float(ndtri(probability))


def named(method: str, confidence: float) -> str:
    """The method's name, with its confidence where that is not the usual 95 %."""
    return method if confidence == 0.95 else f"{method} {confidence:.4g}"
