"""Several tests or estimates at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.analysis.stats.means import finite
from harness.records import Estimate


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given.

    Calling significant what is <= .05 keeps the chance of any false claim at 5 %, however
    the tests depend on each other. Source: Holm 1979. (By hand: the library's module for it
    takes over a second to import.)

    Raises:
        ValueError: a p value outside 0..1.
    """
    if not ps:
        return []
    values = finite(ps, (0.0, 1.0))
    order = np.argsort(values, kind="stable")
    steps = values[order] * (values.size - np.arange(values.size))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return [float(p) for p in adjusted]


def benjamini_hochberg(ps: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's adjusted p values, in the order given.

    Calling significant what is <= .05 keeps the expected share of false claims among all
    claims at 5 %: enough to look at many evals, never enough to decide a gate. Assumes tests
    that are independent or lean the same way. Source: Benjamini, Hochberg 1995.

    Raises:
        ValueError: a p value outside 0..1.
    """
    if not ps:
        return []
    values = finite(ps, (0.0, 1.0))
    order = np.argsort(-values, kind="stable")
    steps = values[order] * values.size / (values.size - np.arange(values.size))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(steps))
    return [float(p) for p in adjusted]


def all_hold_p(ps: Sequence[float]) -> float:
    """The p value of "at least one claim is false": the largest of them, without correction.

    An intersection-union test: when every claim has to be shown at level alpha, the chance to
    show them all wrongly is at most alpha. Source: Berger 1982.

    Raises:
        ValueError: no p values, or one outside 0..1.
    """
    return float(finite(ps, (0.0, 1.0)).max())


def macro_average(estimates: Sequence[Estimate], weights: npt.ArrayLike | None = None) -> Estimate:
    """The weighted mean of several evals' estimates, each weight the same in mean and interval.

    The squared distances of the limits from their values add up with squared weights, each side
    for itself; for symmetric intervals that is SE^2 = sum of w^2 SE^2. Weights are scaled to sum
    to 1; equal ones unless given. n counts all samples. Assumes evals that share no samples.

    Raises:
        ValueError: no estimates, other numbers of weights, or weights that are not positive.
    """
    shares = finite(np.ones(len(estimates)) if weights is None else weights, (0.0, math.inf))
    if shares.size != len(estimates) or shares.sum() == 0:
        raise ValueError(f"{shares.size} weights for {len(estimates)} estimates; one each, above 0")
    shares = shares / shares.sum()
    used = [(w, e) for w, e in zip(shares.tolist(), estimates, strict=True) if w > 0]
    value = sum(w * e.value for w, e in used)
    below = math.hypot(*(w * (e.value - e.low) for w, e in used))
    above = math.hypot(*(w * (e.high - e.value) for w, e in used))
    n = sum(e.n for _, e in used)
    return Estimate(value, value - below, value + above, n, f"mean of {len(used)} evals")
