"""Has the tuned model become less diverse? Per prompt, at equal length and number of texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.analysis.diversity.across import AcrossComparison, compare_across, compression
from harness.analysis.diversity.bleu import mean_bleu
from harness.analysis.diversity.matching import MatchReport, matched
from harness.analysis.diversity.metrics import MEASURES, known_name
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    FloatArray,
    Groups,
    Tokenizer,
    encode,
)
from harness.analysis.diversity.verdict import (
    LEVEL,
    Kind,
    MetricComparison,
    Standard,
    Verdict,
    detectable_by,
    judged_together,
    smallest_detectable_drop,
    spread,
    verdict_over,
)
from harness.analysis.stats import (
    Bounds,
    mean_interval,
    paired_bootstrap,
    ratio_interval,
    sign_flip_p,
    smallest_detectable_mean,
    unit_means,
)
from harness.analysis.thresholds import DEFAULT
from harness.records import Estimate

Unit = Literal["share", "count"]


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


def dissimilar_by_bleu(corpus: Corpus) -> FloatArray:
    """1 - self-BLEU of n-grams up to 4, of a shorter text up to its own length."""
    return 1 - mean_bleu(corpus, short="own order")


def turned(name: str) -> Metric:
    """A metric of the table with higher meaning more diverse."""
    one = MEASURES[name]
    is_lower = one.more_diverse == "lower"
    unit: Unit = "count" if one.scale == "count" else "share"
    return Metric(name, (lambda c: 1 - one.values(c)) if is_lower else one.values, unit)


METRICS = {
    name: turned(name) for name in ("duplicate_rate", "distinct_k", "distinct_2", "distinct_4")
}
METRICS |= {"self_bleu": Metric("self_bleu", dissimilar_by_bleu), "vendi": turned("vendi")}
PRIMARY = ("duplicate_rate", "distinct_k", "self_bleu", "distinct_4", "vendi")
"""The lexical metrics that the verdict rests on."""

BESIDE = ("distinct_2",)
"""What is shown beside them, and judges nothing."""


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
    return METRICS[known_name(name, METRICS)]


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
