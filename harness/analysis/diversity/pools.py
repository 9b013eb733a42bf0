"""Two sets of texts compared as wholes, where no prompts pair them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from harness.analysis.diversity.across import inside
from harness.analysis.diversity.matching import MatchReport, matched
from harness.analysis.diversity.metrics import Direction, measure_named
from harness.analysis.diversity.profile import ProfileRow, profile
from harness.analysis.diversity.tokens import DEFAULT_TOKENIZER, Groups
from harness.analysis.stats import holm
from harness.analysis.stats.means import t_quantile
from harness.records import Estimate

POOLED = ("duplicate_rate", "distinct_4", "self_repetition")
"""Metrics with a jackknife interval."""

MOST_TEXTS = 2_000
"""Of each set: beyond it the intervals take long."""

UNVARIED = 1.5
LEVEL = 0.05
RELATIVE_CHANGE = 0.10

PoolVerdict = Literal["less varied", "not shown", "more varied"]


@dataclass(frozen=True, slots=True)
class PoolRow:
    """One metric of two sets. ``difference`` is tuned - base; ``adjusted_p`` is Holm's."""

    metric: str
    tuned: Estimate
    base: Estimate
    difference: Estimate
    adjusted_p: float
    more_diverse: Direction
    verdict: PoolVerdict


@dataclass(frozen=True, slots=True)
class PoolComparison:
    """Two sets as wholes, after matching length and number; in ``match``, a is the tuned one."""

    rows: tuple[PoolRow, ...]
    match: MatchReport
    verdict: PoolVerdict


def compare_pools(
    tuned: Groups, base: Groups, *, tokenizer: str = DEFAULT_TOKENIZER
) -> PoolComparison:
    """Compare two sets of texts that no prompts pair, one list of texts a prompt each.

    Of each prompt the first answer counts, of each set the first 2,000; both sets are cut to a
    common length and number. A metric says "less varied" at Holm p < .05 and 10 % or more
    apart, the verdict is what all metrics that say something agree on. It is about texts of
    different prompts: a model may still vary its answers to each. Assumes independent texts.

    Raises:
        ValueError: a set without texts.
    """
    ours, theirs = first_answers(tuned), first_answers(base)
    if not ours or not theirs:
        raise ValueError("a set without texts; give both sets texts")
    [mine], [other], match = matched([ours], [theirs], tokenizer=tokenizer)
    if not mine:
        return PoolComparison((), match, "not shown")
    pairs = list(zip(measured(mine, tokenizer), measured(other, tokenizer), strict=True))
    differences = [difference(a, b) for a, b in pairs]
    tested = [found for found in differences if not math.isnan(found[1])]
    adjusted = iter(holm([p for _, p in tested]) if tested else [])
    rows = tuple(
        judged(a, b, found, math.nan if math.isnan(p) else next(adjusted))
        for (a, b), (found, p) in zip(pairs, differences, strict=True)
    )
    said = {row.verdict for row in rows} - {"not shown"}
    return PoolComparison(rows, match, said.pop() if len(said) == 1 else "not shown")


def first_answers(groups: Groups) -> list[str]:
    """The first answer of each prompt; all answers of a lone prompt."""
    if len(groups) == 1:
        return list(groups[0])[:MOST_TEXTS]
    return [group[0] for group in groups if len(group)][:MOST_TEXTS]


def measured(texts: tuple[str, ...], tokenizer: str) -> list[ProfileRow]:
    """The metrics of one set."""
    groups = [[text] for text in texts]
    return list(profile(groups, POOLED, tokenizer=tokenizer).rows)


def difference(a: ProfileRow, b: ProfileRow) -> tuple[Estimate, float]:
    """The difference of two independent values with its interval, and its p value."""
    from scipy.stats import t as student

    n = min(a.estimate.n, b.estimate.n)
    value = a.estimate.value - b.estimate.value
    error = math.hypot(standard_error(a.estimate), standard_error(b.estimate))
    if not math.isfinite(value) or not math.isfinite(error) or n < 2:
        return Estimate(math.nan, -math.inf, math.inf, n, "jackknife"), math.nan
    half = t_quantile(n - 1) * error
    top = measure_named(a.metric).highest(n)
    p = 2 * float(student.sf(abs(value) / error, n - 1))
    found = Estimate(value, value - half, value + half, n, "jackknife of both sets")
    return inside(found, -top, top), p


def standard_error(estimate: Estimate) -> float:
    """The standard error behind a t interval, whose nearer end may have been cut to what is
    possible.

    Texts that do not vary at all would have none. But up to 3 in n of all texts could be
    otherwise (the rule of three), which is twice the error taken here.
    """
    if not math.isfinite(estimate.low):
        return UNVARIED / max(1, estimate.n)
    half = max(estimate.high - estimate.value, estimate.value - estimate.low)
    return half / t_quantile(max(1, estimate.n - 1))


def judged(a: ProfileRow, b: ProfileRow, found: Estimate, p: float) -> PoolRow:
    """The row with the verdict that follows."""
    base = b.estimate.value
    lower = found.value < 0 if a.more_diverse == "higher" else found.value > 0
    apart = abs(found.value) >= RELATIVE_CHANGE * abs(base)
    verdict: PoolVerdict = "not shown"
    if p < LEVEL and apart:
        verdict = "less varied" if lower else "more varied"
    return PoolRow(a.metric, a.estimate, b.estimate, found, p, a.more_diverse, verdict)
