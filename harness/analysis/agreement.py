"""How well two raters agree: Cohen's kappa with an interval, and plain percent agreement.

Pure counts of pairs of marks; who the raters are (people, a grader, a judge) is not known here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.wilson import Z_95, wilson_interval
from harness.records import Estimate

PRIOR_COUNTS = 4.0
"""Counts added to a table before its interval is taken, spread evenly over the cells."""

METHOD = "Fleiss-Cohen-Everitt, plus four"

Pair = tuple[str, str]
"""The mark of the first rater and that of the second."""

Table = tuple[tuple[float, ...], ...]
"""Counts, a row for each mark of the first rater and a column for each of the second."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two raters said of the same n things.

    ``kappa`` is None where chance alone explains everything, and ``reason`` says so; ``counts``
    holds how often each pair of marks was given.
    """

    counts: Mapping[Pair, int]
    share: Estimate
    kappa: Estimate | None
    reason: str = ""

    @property
    def n(self) -> int:
        """How many things both have marked."""
        return self.share.n

    def count(self, first: str, second: str) -> int:
        """How often the first rater gave one mark and the second the other."""
        return self.counts.get((first, second), 0)


def agreement(pairs: Iterable[Pair]) -> Agreement:
    """Percent agreement and Cohen's kappa of two raters.

    Kappa is the agreement beyond what raters with these marginal shares reach by chance:
    (po - pe) / (1 - pe). Its interval is that of the large-sample variance on a table with four
    counts more: the plain one has no width at kappa 1 and covers as little as 29 % in tables of
    20, this one 94 % to 99 % (docs/reviewing.md). Assumes independent things.
    Sources: Cohen 1960; Fleiss, Cohen, Everitt 1969; the four counts as Agresti, Coull 1998.

    Raises:
        ValueError: no pairs.
    """
    counts = Counter(pairs)
    n = counts.total()
    if not n:
        raise ValueError("no pair of marks; agreement needs at least one")
    share = wilson_interval(sum(k for (a, b), k in counts.items() if a == b), n)
    marks = sorted({mark for pair in counts for mark in pair})
    if len(marks) < 2:
        reason = f"both say {marks[0]!r} every time: agreement by chance would be as high"
        return Agreement(dict(counts), share, None, reason)
    return Agreement(dict(counts), share, _kappa_estimate(table_of(counts, marks), n))


def table_of(counts: Mapping[Pair, int], marks: Sequence[str]) -> Table:
    """The counts as a square table, rows and columns in the order of ``marks``."""
    return tuple(tuple(float(counts.get((a, b), 0)) for b in marks) for a in marks)


def cohen_kappa(table: Table) -> float:
    """Cohen's kappa of a square table of counts.

    Raises:
        ValueError: it is not defined: both raters gave one and the same mark only.
    """
    observed, expected = _shares(table)
    if expected >= 1:
        raise ValueError("both raters gave one and the same mark; kappa is 0 / 0")
    return (observed - expected) / (1 - expected)


def kappa_standard_error(table: Table) -> float:
    """The large-sample standard error of kappa. Source: Fleiss, Cohen, Everitt 1969, (13).

    Raises:
        ValueError: as for ``cohen_kappa``.
    """
    kappa = cohen_kappa(table)
    n = sum(map(sum, table))
    rows, columns = _margins(table)
    _, expected = _shares(table)
    ranks = range(len(table))
    same = sum(
        table[i][i] / n * (1 - (rows[i] + columns[i]) * (1 - kappa)) ** 2  # they agree
        for i in ranks
    )
    other = sum(
        table[i][j] / n * (columns[i] + rows[j]) ** 2 for i in ranks for j in ranks if i != j
    )
    whole = same + (1 - kappa) ** 2 * other - (kappa - expected * (1 - kappa)) ** 2
    return math.sqrt(max(whole, 0.0) / n) / (1 - expected)


# --- the interval --------------------------------------------------------------------


def _kappa_estimate(table: Table, n: int) -> Estimate:
    value = cohen_kappa(table)
    extra = PRIOR_COUNTS / len(table) ** 2
    smooth = tuple(tuple(count + extra for count in row) for row in table)
    centre, half = cohen_kappa(smooth), Z_95 * kappa_standard_error(smooth)
    # At the ends the counts added move the whole interval away from what was seen.
    low, high = min(max(centre - half, -1.0), value), max(min(centre + half, 1.0), value)
    return Estimate(value, low, high, n, METHOD)


def _margins(table: Table) -> tuple[list[float], list[float]]:
    """The share of each mark by the first rater, and by the second."""
    n = sum(map(sum, table))
    columns = zip(*table, strict=True)
    return [sum(row) / n for row in table], [sum(column) / n for column in columns]


def _shares(table: Table) -> tuple[float, float]:
    """How often the raters agree, and would by chance."""
    n = sum(map(sum, table))
    rows, columns = _margins(table)
    observed = sum(table[i][i] for i in range(len(table))) / n
    return observed, sum(row * column for row, column in zip(rows, columns, strict=True))
