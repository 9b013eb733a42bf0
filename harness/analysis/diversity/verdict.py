"""From one metric's numbers to what it says, and from all of them to a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.analysis.diversity.tokens import FloatArray
from harness.analysis.stats import holm, smallest_detectable_mean
from harness.records import Estimate

Kind = Literal["lexical", "semantic"]
Verdict = Literal["less diverse", "not shown", "more diverse"]

LEVEL = 0.05
FEWEST_DEFINED = 0.5  # a metric that less of the prompts define says nothing about the others
RESAMPLED_P = 1e-4  # the smallest p value that resampled signs can give


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric of two models over the same prompts, at equal length and k.

    Higher means more diverse throughout: "duplicate_rate" and "self_bleu" are 1 - x.
    ``difference`` is tuned - base, ``ratio`` tuned / base, of the means over the prompts
    where both are defined; ``excluded`` counts the other prompts (or units). ``p_value`` is the
    sign-flip test's, ``adjusted_p`` Holm's over the metrics judged together (NaN for one that
    is not). ``detectable`` is the difference that these prompts would show with 80 % power,
    ``detectable_drop`` the loss, as a share of the base's value, that would with 80 % power
    be called "less diverse" (None: none would).
    """

    metric: str
    kind: Kind
    tuned: Estimate
    base: Estimate
    difference: Estimate
    ratio: Estimate
    p_value: float
    adjusted_p: float
    excluded: int
    detectable: float | None
    verdict: Verdict
    detectable_drop: float | None = None

    @property
    def is_judged(self) -> bool:
        """Does the metric count for the verdict?"""
        return not math.isnan(self.adjusted_p)


@dataclass(frozen=True, slots=True)
class Standard:
    """How a metric is tested: the resampling's seed, Bonferroni's level, the ratio to fall to."""

    seed: int
    level: float
    less_diverse: float

    def verdict(self, adjusted_p: float, ratio: float) -> Verdict:
        """What one metric says. A ratio means the same read from the other side."""
        if not adjusted_p < LEVEL:
            return "not shown"
        if ratio <= self.less_diverse:
            return "less diverse"
        return "more diverse" if ratio >= 1 / self.less_diverse else "not shown"


def spread(differences: FloatArray) -> float:
    """The standard deviation; 0 for a single value."""
    return float(differences.std(ddof=1)) if differences.size > 1 else 0.0


def smallest_detectable_drop(a: FloatArray, b: FloatArray, standard: Standard) -> float | None:
    """The share that tuned must truly lose to be called less diverse with 80 % power.

    It has to show in the test and, the estimate being as uncertain, to lie beyond the ratio
    that counts. None where so few prompts can give no p value that small, or nothing varies.
    """
    n, deviation, base = a.size, spread(a - b), float(b.mean())
    shown = smallest_detectable_mean(deviation, n, standard.level)
    beyond = smallest_detectable_mean(deviation, n, 1.0)
    if shown is None or beyond is None or base <= 0 or smallest_p(n) >= standard.level:
        return None
    drop = max(shown, (1 - standard.less_diverse) * base + beyond) / base
    return drop if drop < 1 else None


def smallest_p(n: int) -> float:
    """The least p value that flipping the signs of n differences can give."""
    return max(RESAMPLED_P, 2.0 ** (1 - n))


def judged_together(rows: Sequence[MetricComparison], standard: Standard) -> list[MetricComparison]:
    """The rows with Holm's p values and verdicts, those that too few prompts define without."""
    tested = [row for row in rows if row.difference.n > FEWEST_DEFINED * units_of(row)]
    adjusted = dict(
        zip([row.metric for row in tested], holm([row.p_value for row in tested]), strict=True)
    )
    return [judged(row, adjusted.get(row.metric, math.nan), standard) for row in rows]


def units_of(row: MetricComparison) -> int:
    """How many units were compared, defined or not."""
    return row.difference.n + row.excluded


def judged(row: MetricComparison, adjusted_p: float, standard: Standard) -> MetricComparison:
    """The row with its adjusted p value and the verdict that follows."""
    verdict = standard.verdict(adjusted_p, row.ratio.value)
    return replace(row, adjusted_p=adjusted_p, verdict=verdict)


VERDICTS: tuple[Verdict, ...] = ("less diverse", "more diverse")


def verdict_over(rows: Sequence[MetricComparison]) -> Verdict:
    """What the judged metrics say together; a loss that is shown is not made good elsewhere."""
    return next((verdict for verdict in VERDICTS if supported(verdict, rows)), "not shown")


def supported(verdict: Verdict, rows: Sequence[MetricComparison]) -> bool:
    """A lexical metric says so and, where any semantic one is judged, one of those too."""
    kinds = {row.kind for row in rows if row.is_judged}
    agreeing = {row.kind for row in rows if row.verdict == verdict}
    return bool(agreeing) and kinds == agreeing


def detectable_by(rows: Sequence[MetricComparison]) -> float | None:
    """The smallest drop that the judged metrics of every kind would show; None: none would."""
    kinds = {row.kind for row in rows if row.is_judged}
    least = []
    for kind in kinds:
        drops = [r.detectable_drop for r in rows if r.is_judged and r.kind == kind]
        found = [drop for drop in drops if drop is not None]
        if not found:
            return None
        least.append(min(found))
    return max(least, default=None)
