"""The share of right answers of one model."""

from __future__ import annotations

from harness.analysis.wilson import (
    Z_95,
    check_share,
    named,
    normal_quantile,
    wilson_interval,
    wilson_limits,
)
from harness.records import Estimate

__all__ = [
    "Z_95",
    "check_share",
    "clopper_pearson_interval",
    "named",
    "normal_quantile",
    "share_exceeds_p",
    "share_falls_short_p",
    "wilson_interval",
    "wilson_limits",
]


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


def share_exceeds_p(successes: float, n: float, bar: float) -> float:
    """The one-sided exact p value of "the true share is at most ``bar``".

    At most .05 exactly when the one-sided 95 % Clopper-Pearson floor reaches the bar. Counts
    need not be whole (samples in clusters count for fewer). Assumes independent samples.

    Raises:
        ValueError: n <= 0, successes outside 0..n, or a bar outside [0, 1].
    """
    from scipy.special import betainc

    check_share(successes, n)
    if not 0 <= bar <= 1:
        raise ValueError(f"bar {bar} is no share; give one in 0..1")
    return float(betainc(successes, n - successes + 1, bar)) if successes else 1.0


def share_falls_short_p(successes: float, n: float, bar: float) -> float:
    """The one-sided exact p value of "the true share is at least ``bar``": the mirrored test."""
    return share_exceeds_p(n - successes, n, 1 - bar)
