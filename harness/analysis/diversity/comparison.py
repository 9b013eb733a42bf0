"""Has the tuned model become less diverse? Per prompt, at equal length and number of texts."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.analysis.diversity.across import AcrossComparison, compare_across, compression
from harness.analysis.diversity.bleu import mean_bleu
from harness.analysis.diversity.lexical import distinct, per_prompt_duplicate_rate
from harness.analysis.diversity.matching import MatchReport, matched
from harness.analysis.diversity.pairwise import per_prompt_distinct_k
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    FloatArray,
    Groups,
    Tokenizer,
    encode,
)
from harness.analysis.diversity.vendi import mean_vendi
from harness.analysis.stats import (
    Bounds,
    holm,
    mean_interval,
    paired_bootstrap,
    ratio_interval,
    sign_flip_p,
    smallest_detectable_mean,
    unit_means,
)
from harness.analysis.thresholds import DEFAULT
from harness.records import Estimate

Kind = Literal["lexical", "semantic"]
Unit = Literal["share", "count"]
Verdict = Literal["less diverse", "not shown", "more diverse"]

LEVEL = 0.05
FEWEST_DEFINED = 0.5  # a metric that less of the prompts define says nothing about the others
RESAMPLED_P = 1e-4  # the smallest p value that resampled signs can give


@dataclass(frozen=True, slots=True)
class Metric:
    """One value a prompt (P,), higher meaning more diverse, NaN where undefined.

    Values are not negative: ``unit`` says whether a share of [0, 1] or a count up to k. A
    "semantic" metric (of embeddings, from outside this package) must confirm the lexical ones;
    it is given the corpus of matched texts, `Corpus.texts` with `Corpus.prompts`.
    """

    name: str
    values: Callable[[Corpus], FloatArray]
    unit: Unit = "share"
    kind: Kind = "lexical"


def unduplicated(corpus: Corpus) -> FloatArray:
    """1 - duplicate rate."""
    return 1 - per_prompt_duplicate_rate(texts_by_prompt(corpus))


def dissimilar_by_bleu(corpus: Corpus) -> FloatArray:
    """1 - self-BLEU of n-grams up to 4, of a shorter text up to its own length."""
    return 1 - mean_bleu(corpus, short="own order")


def different_answers(corpus: Corpus) -> FloatArray:
    """distinct_k."""
    return per_prompt_distinct_k(texts_by_prompt(corpus), tokenizer=corpus.tokenizer)


def texts_by_prompt(corpus: Corpus) -> Groups:
    """The texts of each prompt."""
    return [corpus.texts[texts] for texts in corpus.prompt_slices()]


METRICS = {
    metric.name: metric
    for metric in (
        Metric("duplicate_rate", unduplicated),
        Metric("distinct_k", different_answers, unit="count"),
        Metric("self_bleu", dissimilar_by_bleu),
        Metric("distinct_2", lambda corpus: distinct(corpus, 2)),
        Metric("distinct_4", lambda corpus: distinct(corpus, 4)),
        Metric("vendi", mean_vendi, unit="count"),
    )
}
PRIMARY = ("duplicate_rate", "distinct_k", "self_bleu", "distinct_4", "vendi")
"""The lexical metrics that the verdict rests on."""

BESIDE = ("distinct_2",)
"""What is shown beside them, and judges nothing."""


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
class DiversityComparison:
    """All metrics of two models, the verdict over them, and what made the arms comparable.

    In ``match``, a is the tuned model and b the base. ``across`` compares sets of one answer a
    prompt, ``compression`` holds the xz compression ratios (tuned, base) of the matched
    answers: both describe and judge nothing.
    """

    metrics: tuple[MetricComparison, ...]
    match: MatchReport
    verdict: Verdict
    across: tuple[AcrossComparison, ...] = ()
    compression: tuple[float, float] | None = None

    def __getitem__(self, metric: str) -> MetricComparison:
        return next(row for row in self.metrics if row.metric == metric)

    @property
    def detectable_drop(self) -> float | None:
        """The smallest loss that would be called "less diverse" with 80 % power, if any would.

        That of the most sensitive metric; where semantic ones have to agree, of the most
        sensitive of each kind.
        """
        return detectable_by(self.metrics)


def compare_diversity(
    tuned_groups: Groups,
    base_groups: Groups,
    metrics: Sequence[str | Metric] = PRIMARY,
    *,
    beside: Sequence[str] = BESIDE,
    across: bool = True,
    less_diverse: float = DEFAULT.less_diverse,
    seed: int = 0,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
    units: Sequence[object] | None = None,
) -> DiversityComparison:
    """Compare the diversity of two models' generations, prompt by prompt.

    Each argument holds one list of texts per prompt, in the same order of prompts, sampled
    with the same temperature, top_p and max_tokens. Both are first `matched`; every metric,
    a semantic one too, reads the matched texts. ``metrics`` judge, those of ``beside`` are
    only shown; ``across`` adds what describes the set of prompts.

    A metric says "less diverse" at Holm p < .05 and a ratio of means of at most
    ``less_diverse``. The verdict is "less diverse" when a lexical metric says so and, where
    semantic metrics are given and defined, one of those too; "more diverse" likewise, the
    other way round. Else "not shown", which is no proof of equality: see ``detectable_drop``.
    Prompts are resampled, never texts: a resampled set repeats texts and looks less diverse.
    A metric that fewer than half of the prompts define, as with answers of under 4 words, is
    shown and not judged. Where several groups belong to one prompt (seeds of one epoch
    count), ``units`` names the prompt of each group: their values are averaged first, and n
    counts units. Assumes independent units.

    Raises:
        ValueError: different numbers of prompts, no metrics, or an unknown name.
    """
    judges = [metric if isinstance(metric, Metric) else metric_named(metric) for metric in metrics]
    if not judges:
        raise ValueError(f"no metrics to compare; choose from {', '.join(METRICS)}")
    names = {metric.name for metric in judges}
    shown = [metric_named(name) for name in beside if name not in names]
    tuned_texts, base_texts, match = matched(
        tuned_groups, base_groups, tokenizer=tokenizer, units=units
    )
    arms = Arms(
        encode(tuned_texts, tokenizer),
        encode(base_texts, tokenizer),
        tuple(range(len(tuned_texts)) if units is None else units),
    )
    standard = Standard(seed, LEVEL / len(judges), less_diverse)
    rows = judged_together(
        [metric_comparison(metric, arms, standard) for metric in judges], standard
    )
    rows += [metric_comparison(metric, arms, standard) for metric in shown]
    return DiversityComparison(
        metrics=tuple(rows),
        match=match,
        verdict=verdict_over(rows),
        across=compare_across(tuned_texts, base_texts, arms.units, tokenizer) if across else (),
        compression=both_compressions(tuned_texts, base_texts, arms.units) if across else None,
    )


def both_compressions(tuned: Groups, base: Groups, units: Sequence[object]) -> tuple[float, float]:
    """The xz compression ratios of both arms."""
    return compression(tuned, units), compression(base, units)


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


@dataclass(frozen=True, slots=True)
class Arms:
    """The matched texts of both models, and the unit of each group."""

    tuned: Corpus
    base: Corpus
    units: tuple[object, ...]

    def values(self, metric: Metric) -> FloatArray:
        """The metric of tuned and base for each unit where both are defined, (units, 2)."""
        pairs = np.column_stack([metric.values(self.tuned), metric.values(self.base)])
        defined = np.flatnonzero(~np.isnan(pairs).any(axis=1))
        return unit_means(pairs[defined], [self.units[group] for group in defined])


def metric_named(name: str) -> Metric:
    """The metric of this name."""
    if name not in METRICS:
        near = difflib.get_close_matches(name, METRICS) or METRICS
        raise ValueError(f"unknown diversity metric {name!r}; use {' or '.join(near)}")
    return METRICS[name]


def metric_comparison(metric: Metric, arms: Arms, standard: Standard) -> MetricComparison:
    """One metric's estimates and p value, not judged yet."""
    kept = arms.values(metric)
    excluded = len(set(arms.units)) - len(kept)
    if not len(kept):
        return nothing_compared(metric, excluded)
    a, b = kept.T
    top = 1.0 if metric.unit == "share" else float(arms.tuned.k.max())
    bounds: Bounds = (0.0, max(top, float(kept.max())))
    return MetricComparison(
        metric=metric.name,
        kind=metric.kind,
        tuned=mean_interval(a, bounds),
        base=mean_interval(b, bounds),
        difference=paired_bootstrap(a, b, seed=standard.seed, bounds=(-bounds[1], bounds[1])),
        ratio=ratio_interval(a, b, seed=standard.seed, bounds=bounds),
        p_value=sign_flip_p(a - b, seed=standard.seed),
        adjusted_p=math.nan,
        excluded=excluded,
        detectable=smallest_detectable_mean(spread(a - b), len(kept), standard.level),
        verdict="not shown",
        detectable_drop=smallest_detectable_drop(a, b, standard),
    )


def nothing_compared(metric: Metric, excluded: int) -> MetricComparison:
    """The row of a metric that no prompt defines."""
    nothing = Estimate(math.nan, -math.inf, math.inf, 0, "no prompt is defined")
    return MetricComparison(
        metric=metric.name,
        kind=metric.kind,
        tuned=nothing,
        base=nothing,
        difference=nothing,
        ratio=nothing,
        p_value=math.nan,
        adjusted_p=math.nan,
        excluded=excluded,
        detectable=None,
        verdict="not shown",
    )


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
