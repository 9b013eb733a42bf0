"""Several tests at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.analysis.stats.means import finite


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
