"""How much the answers to different prompts share: one answer a prompt, beside the per-prompt view.

A model that says the same to everybody may still vary its answers to each. These values describe;
they give no verdict, because in a collapse within prompts they can move the other way.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.diversity.lexical import compression_ratio
from harness.analysis.diversity.metrics import Direction, measure_named
from harness.analysis.diversity.ngrams import count_table, ngrams
from harness.analysis.diversity.tokens import FloatArray, Groups, IntArray, Tokenizer, encode
from harness.analysis.stats.means import t_interval, unvaried_interval
from harness.records import Estimate

if TYPE_CHECKING:
    from scipy.sparse import csr_array

ORDER = 4
MOST_COMPRESSED = 500
FEWEST = 3  # units: with two, leaving one out leaves no set

METHOD = "delete-one jackknife over prompts"


@dataclass(frozen=True, slots=True)
class AcrossMetric:
    """One value of a set of texts, one a prompt, and the values without each of them in turn.

    ``values`` gets (text, gram) pairs as an incidence matrix with counts, (D, G).
    ``more_diverse`` says which way more diversity lies.
    """

    name: str
    values: Callable[[csr_array], tuple[float, FloatArray]]
    more_diverse: Direction


@dataclass(frozen=True, slots=True)
class AcrossComparison:
    """One metric over sets of one answer a prompt, at equal length: mean over such sets.

    ``difference`` is tuned - base, with a delete-one jackknife interval over prompts.
    """

    metric: str
    tuned: float
    base: float
    difference: Estimate
    more_diverse: Direction


def repetition(counts: csr_array) -> tuple[float, FloatArray]:
    """Self-repetition of the texts, and without each text."""
    has = (counts > 0).astype(np.float64)
    n = has.shape[0]
    shared = (has @ has.T).tocsr()
    shared.setdiag(0)
    returns = np.asarray(shared.sum(axis=1)).ravel()
    logs = np.log1p(returns)
    pairs = shared.tocoo()
    # A text that leaves takes its own logarithm, and from the others what they shared with it.
    lost = np.log1p(returns[pairs.row]) - np.log1p(returns[pairs.row] - pairs.data)
    taken = np.bincount(pairs.col, weights=lost, minlength=n)
    return float(logs.mean()), (logs.sum() - logs - taken) / (n - 1)


def distinctness(counts: csr_array) -> tuple[float, FloatArray]:
    """Distinct-n of the texts, and without each text."""
    has = (counts > 0).astype(np.int64)
    texts_with = np.asarray(has.sum(axis=0)).ravel()
    alone = np.asarray(has @ (texts_with == 1).astype(np.int64)).ravel()
    totals = np.asarray(counts.sum(axis=1)).ravel().astype(np.float64)
    different = float((texts_with > 0).sum())
    left = totals.sum() - totals
    without = np.divide(different - alone, left, out=np.full(left.shape, np.nan), where=left > 0)
    return (different / totals.sum() if totals.sum() else math.nan), without


ACROSS = (
    AcrossMetric("self_repetition", repetition, "lower"),
    AcrossMetric("distinct_4", distinctness, "higher"),
)


def compare_across(
    tuned: Groups, base: Groups, units: Sequence[object], tokenizer: Tokenizer
) -> tuple[AcrossComparison, ...]:
    """Compare two models' matched texts across prompts.

    The first answers of all prompts are one set, the second ones another, and so on: the mean
    over these sets is the value. Leaving out a prompt leaves it out of every set.
    Assumes independent prompts. Source: Kirk 2023 (AcrossInput); Efron, Stein 1981 (jackknife).
    """
    numbers = {unit: number for number, unit in enumerate(dict.fromkeys(units))}
    sets = answer_sets(tuned, base, [numbers[unit] for unit in units])
    if not sets:
        return tuple(not_measured(metric) for metric in ACROSS)
    arms = (
        gram_counts([one.tuned for one in sets], tokenizer),
        gram_counts([one.base for one in sets], tokenizer),
    )
    members = [np.array(one.units) for one in sets]
    return tuple(across(metric, arms, members) for metric in ACROSS)


@dataclass(slots=True)
class AnswerSet:
    """One text a prompt of both arms, and the number of each text's prompt."""

    tuned: list[str] = field(default_factory=list)
    base: list[str] = field(default_factory=list)
    units: list[int] = field(default_factory=list)


def compression(groups: Groups, units: Sequence[object]) -> float:
    """The xz compression ratio of a model's first 500 answers, the mean over models (seeds).

    Two seeds' answers are no one set: what seeds have in common is no repetition. All answers
    would take longer than every other metric together.
    """
    seen: Counter[object] = Counter()
    models: defaultdict[int, list[str]] = defaultdict(list)
    for texts, unit in zip(groups, units, strict=True):
        models[seen[unit]] += texts
        seen[unit] += 1
    ratios = [compression_ratio(texts[:MOST_COMPRESSED]) for texts in models.values()]
    return float(np.mean(ratios)) if ratios else math.nan


def answer_sets(tuned: Groups, base: Groups, units: Sequence[int]) -> list[AnswerSet]:
    """The sets that hold enough texts. Several groups of one prompt (seeds) never meet in one."""
    seen: Counter[int] = Counter()
    sets: defaultdict[tuple[int, int], AnswerSet] = defaultdict(AnswerSet)
    for ours, theirs, unit in zip(tuned, base, units, strict=True):
        for place, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            together = sets[seen[unit], place]
            together.tuned.append(one)
            together.base.append(other)
            together.units.append(unit)
        seen[unit] += 1
    return [one for one in sets.values() if len(one.units) >= FEWEST]


def gram_counts(sets: Groups, tokenizer: Tokenizer) -> list[csr_array]:
    """How often each text of each set has each n-gram, (texts, grams) a set."""
    from scipy.sparse import csr_array

    corpus = encode(sets, tokenizer)
    grams = ngrams(corpus, ORDER)
    table = count_table(grams.documents, grams.ids, max(1, len(corpus.texts)))
    shape = (len(corpus.texts), grams.size)
    counts = csr_array((table.counts, (table.documents, table.grams)), shape=shape)
    return [compact(counts[rows]) for rows in corpus.prompt_slices()]


def compact(counts: csr_array) -> csr_array:
    """The matrix without its empty columns."""
    used, columns = np.unique(counts.indices, return_inverse=True)
    shape = (counts.shape[0], max(1, used.size))
    return type(counts)((counts.data, columns, counts.indptr), shape=shape)


def across(
    metric: AcrossMetric, arms: Sequence[Sequence[csr_array]], members: Sequence[IntArray]
) -> AcrossComparison:
    """One metric's means over the sets, and their difference with its interval."""
    present = np.unique(np.concatenate(members))
    top = measure_named(metric.name).highest(max(map(len, members)))
    means, without = zip(*(mean_over(metric, sets, members) for sets in arms), strict=True)
    return AcrossComparison(
        metric=metric.name,
        tuned=means[0],
        base=means[1],
        difference=inside(
            jackknife(means[0] - means[1], (without[0] - without[1])[present]), -top, top
        ),
        more_diverse=metric.more_diverse,
    )


def inside(estimate: Estimate, low: float, high: float) -> Estimate:
    """The estimate with its interval cut to the values that are possible, if it has one."""
    if not math.isfinite(estimate.low):
        return estimate
    return replace(estimate, low=max(low, estimate.low), high=min(high, estimate.high))


def mean_over(
    metric: AcrossMetric, sets: Sequence[csr_array], members: Sequence[IntArray]
) -> tuple[float, FloatArray]:
    """The metric's mean over sets, and the same without each prompt."""
    found = [metric.values(counts) for counts in sets]
    units = 1 + max(int(numbers.max()) for numbers in members)
    total = np.zeros(units)
    for (value, without), numbers in zip(found, members, strict=True):
        left_out = np.full(units, value)
        left_out[numbers] = without
        total += left_out
    return float(np.mean([value for value, _ in found])), total / len(found)


def jackknife(value: float, without: FloatArray) -> Estimate:
    """A value with the interval that its values without each unit give; t(n - 1)."""
    n = without.size
    if math.isnan(value) or np.isnan(without).any():
        return Estimate(math.nan, -math.inf, math.inf, n, METHOD)
    error = math.sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))
    if not error:
        return unvaried_interval(value, n, None)
    found = t_interval(value, error, n - 1, n)
    return replace(found, method=METHOD)


def not_measured(metric: AcrossMetric) -> AcrossComparison:
    """The row where no set has enough prompts."""
    nothing = Estimate(math.nan, -math.inf, math.inf, 0, "fewer than 3 prompts")
    return AcrossComparison(metric.name, math.nan, math.nan, nothing, metric.more_diverse)
