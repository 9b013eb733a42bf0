"""The best of several checkpoints, judged on the samples that picked it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.analysis.stats.differences import paired_difference
from harness.analysis.stats.means import FloatArray, finite, mean_interval
from harness.analysis.stats.proportions import wilson_limits
from harness.analysis.stats.resampling import batches
from harness.records import Estimate

BBC_RESAMPLES = 1000
SIGN_FLIPS = 9999


def bonferroni(p: float, tests: int) -> float:
    """The p value of a winner picked among so many: its own times their number.

    Raises:
        ValueError: p outside 0..1, or no tests.
    """
    if not 0 <= p <= 1 or tests < 1:
        raise ValueError(f"p {p} of {tests} tests; give a p in 0..1 of at least one test")
    return min(1.0, p * tests)


def selected_score(
    scores: Sequence[npt.ArrayLike], *, seed: int = 0, resamples: int = BBC_RESAMPLES
) -> Estimate:
    """The score of the best of K checkpoints, corrected for having been picked on these samples.

    ``scores`` holds K arrays of shape (n,), the same samples, values in [0, 1]. Each resample
    picks the best on the samples drawn and scores it on those left out; the mean over resamples
    is the score (BBC). The interval is that of n independent samples around the corrected score:
    Wilson's for right-or-wrong marks, else the winner's t interval moved. One checkpoint needs
    no correction. Assumes independent samples. Source: Tsamardinos, Greasidou, Borboudakis 2018.

    Raises:
        ValueError: no checkpoints, lengths that differ, or values outside [0, 1].
    """
    table = same_length([finite(row, (0.0, 1.0)) for row in scores])
    n = table.shape[1]
    means = table.mean(axis=1)
    winner = int(means.argmax())
    value = float(means[winner])
    if len(table) > 1 and n > 1 and np.ptp(table, axis=0).any():
        value = min(value, float(np.mean(out_of_bag_scores(table, seed, resamples))))
    method = f"best of {len(table)}, bias-corrected"
    if np.isin(table, (0.0, 1.0)).all():
        return Estimate(value, *wilson_limits(value, n), n, method)
    plain = mean_interval(table[winner], (0.0, 1.0))
    moved = value - plain.value
    return Estimate(value, max(0.0, plain.low + moved), min(1.0, plain.high + moved), n, method)


def against_selected(
    tuned: npt.ArrayLike, candidates: Sequence[npt.ArrayLike], *, seed: int = 0
) -> tuple[Estimate, float]:
    """tuned minus the best of K candidates, corrected for that best having been picked.

    ``tuned`` has shape (n,), ``candidates`` holds K arrays of that shape; values in [0, 1]. The
    best of several looks better than it is, so that tuning looks worse: its score is corrected as
    in `selected_score`, and the paired interval moves along. The p value is that of the plain
    difference; where that is below 0, times K. Assumes independent samples.

    Raises:
        ValueError: no candidates, lengths that differ, or values outside [0, 1].
    """
    ours = finite(tuned, (0.0, 1.0))
    table = same_length([ours, *(finite(row, (0.0, 1.0)) for row in candidates)])[1:]
    best = table[int(table.mean(axis=1).argmax())]
    plain, p_value = paired_difference(ours, best)
    moved = float(best.mean()) - selected_score(list(table), seed=seed).value
    if plain.value < 0:
        p_value = bonferroni(p_value, len(table))
    method = plain.method
    if len(table) > 1:
        method += f", the best of {len(table)} corrected for having been picked"
    low, high = max(-1.0, plain.low + moved), min(1.0, plain.high + moved)
    return Estimate(plain.value + moved, low, high, plain.n, method), p_value


def out_of_bag_scores(table: FloatArray, seed: int, resamples: int) -> FloatArray:
    """For each resample, the score of its winner on the samples that it did not draw."""
    n = table.shape[1]
    rng = np.random.default_rng(seed)
    found = []
    for rows in batches(resamples, n):
        drawn = rng.multinomial(n, np.full(n, 1 / n), size=rows).astype(np.float64)
        winners = (drawn @ table.T).argmax(axis=1)
        left = (drawn == 0).astype(np.float64)
        sizes = left.sum(axis=1)
        sums = (left * table[winners]).sum(axis=1)
        found.append(sums[sizes > 0] / sizes[sizes > 0])
    return np.concatenate(found)


def max_t_p(
    differences: Sequence[npt.ArrayLike], *, seed: int = 0, resamples: int = SIGN_FLIPS
) -> list[float]:
    """For each of K checkpoints, the p value of "none is better than the base", by max-T.

    ``differences`` holds K arrays of shape (n,): checkpoint minus base on the same samples.
    A sample keeps or flips its sign for all checkpoints at once, so that their likeness counts:
    less is lost than with `bonferroni`. One-sided. Assumes independent samples, and differences
    symmetric about 0 where a checkpoint is like the base. Source: Westfall, Young 1993.

    Raises:
        ValueError: no checkpoints, or lengths that differ.
    """
    table = same_length([finite(row) for row in differences])
    spread = np.sqrt((table * table).sum(axis=1))  # no sign changes it
    varies = spread > 0
    if not varies.any():
        return [1.0] * len(table)
    observed = table[varies].sum(axis=1) / spread[varies]
    scaled = (table[varies] / spread[varies][:, None]).T
    at_least = np.ones(observed.size)
    rng = np.random.default_rng(seed)
    for rows in batches(resamples, table.shape[1]):
        signs = 2.0 * rng.integers(0, 2, size=(rows, table.shape[1])) - 1
        highest = (signs @ scaled).max(axis=1)
        at_least += (highest[:, None] >= observed - 1e-12).sum(axis=0)
    ps = np.ones(len(table))
    ps[varies] = at_least / (resamples + 1)
    return [float(p) for p in ps]


def same_length(rows: Sequence[FloatArray]) -> FloatArray:
    """The rows as an array of shape (K, n)."""
    if not rows or len({row.size for row in rows}) > 1:
        sizes = ", ".join(str(row.size) for row in rows) or "no"
        raise ValueError(f"{sizes} scores for the checkpoints; pair them by sample")
    return np.stack(rows)
