"""Has the tuned model become less diverse? Per prompt, at equal length and number of texts."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.analysis.diversity.bleu import ORDER, mean_bleu
from harness.analysis.diversity.lexical import distinct, per_prompt_duplicate_rate
from harness.analysis.diversity.matching import MatchReport, matched
from harness.analysis.diversity.pairwise import per_prompt_distinct_k
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    FloatArray,
    Groups,
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
from harness.records import Estimate

Kind = Literal["lexical", "semantic"]
Unit = Literal["share", "count"]
Verdict = Literal["less diverse", "not shown", "more diverse"]

LEVEL = 0.05
RELATIVE_CHANGE = 0.10  # a smaller change is called "not shown", however significant


@dataclass(frozen=True, slots=True)
class Metric:
    """One value a prompt (P,), higher meaning more diverse, NaN where undefined.

    Values are not negative: ``unit`` says whether a share of [0, 1] or a count up to k. A
    "semantic" metric (of embeddings, from outside this package) must confirm the lexical ones.
    """

    name: str
    values: Callable[[Corpus], FloatArray]
    unit: Unit = "share"
    kind: Kind = "lexical"


def unduplicated(corpus: Corpus) -> FloatArray:
    """1 - duplicate rate."""
    return 1 - per_prompt_duplicate_rate(texts_by_prompt(corpus))


def dissimilar_by_bleu(corpus: Corpus) -> FloatArray:
    """1 - self-BLEU; NaN where a text is too short for its longest n-grams."""
    short = np.zeros(corpus.n_prompts, dtype=bool)
    short[corpus.prompts[corpus.lengths < ORDER]] = True
    return np.where(short, np.nan, 1 - mean_bleu(corpus))


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


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric of two models over the same prompts, at equal length and k.

    Higher means more diverse throughout: "duplicate_rate" and "self_bleu" are 1 - x.
    ``difference`` is tuned - base, ``ratio`` tuned / base, of the means over the prompts
    where both are defined; ``excluded`` counts the other prompts (or units). ``p_value`` is the
    sign-flip test's, ``adjusted_p`` Holm's over the metrics compared together (NaN where no
    prompt is defined). ``detectable`` is the difference that these prompts would show with
    80 % power.
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


@dataclass(frozen=True, slots=True)
class DiversityComparison:
    """All metrics of two models, the verdict over them, and what made the arms comparable.

    In ``match``, a is the tuned model and b the base.
    """

    metrics: tuple[MetricComparison, ...]
    match: MatchReport
    verdict: Verdict

    def __getitem__(self, metric: str) -> MetricComparison:
        return next(row for row in self.metrics if row.metric == metric)


def compare_diversity(
    tuned_groups: Groups,
    base_groups: Groups,
    metrics: Sequence[str | Metric] = PRIMARY,
    *,
    seed: int = 0,
    tokenizer: str = DEFAULT_TOKENIZER,
    units: Sequence[object] | None = None,
) -> DiversityComparison:
    """Compare the diversity of two models' generations, prompt by prompt.

    Each argument holds one list of texts per prompt, in the same order of prompts, sampled
    with the same temperature, top_p and max_tokens. Both are first `matched`.

    A metric says "less diverse" at Holm p < .05 and a mean at least 10 % lower. The verdict
    is "less diverse" when a lexical metric says so and, where semantic metrics are given and
    defined, one of those too; "more diverse" likewise. Else "not shown", which is no proof
    of equality: see ``detectable``. Prompts are resampled, never texts: a resampled set
    repeats texts and looks less diverse. Where several groups belong to one prompt (seeds of
    one epoch count), ``units`` names the prompt of each group: their values are averaged
    first, and n counts units. Assumes independent units.

    Raises:
        ValueError: different numbers of prompts, no metrics, or an unknown name.
    """
    chosen = [metric if isinstance(metric, Metric) else metric_named(metric) for metric in metrics]
    if not chosen:
        raise ValueError(f"no metrics to compare; choose from {', '.join(METRICS)}")
    tuned_texts, base_texts, match = matched(
        tuned_groups, base_groups, tokenizer=tokenizer, units=units
    )
    arms = Arms(
        encode(tuned_texts, tokenizer),
        encode(base_texts, tokenizer),
        tuple(range(len(tuned_texts)) if units is None else units),
    )
    level = LEVEL / len(chosen)
    rows = [metric_comparison(metric, arms, seed, level) for metric in chosen]
    judged = tuple(judged_together(rows))
    return DiversityComparison(judged, match, overall(judged))


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


def metric_comparison(metric: Metric, arms: Arms, seed: int, level: float) -> MetricComparison:
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
        difference=paired_bootstrap(a, b, seed=seed, bounds=(-bounds[1], bounds[1])),
        ratio=ratio_interval(a, b, seed=seed, bounds=bounds),
        p_value=sign_flip_p(a - b, seed=seed),
        adjusted_p=math.nan,
        excluded=excluded,
        detectable=smallest_detectable_mean(spread(a - b), len(kept), level),
        verdict="not shown",
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


def judged_together(rows: Sequence[MetricComparison]) -> list[MetricComparison]:
    """The rows with Holm's p values and verdicts."""
    tested = [row for row in rows if not math.isnan(row.p_value)]
    adjusted = dict(
        zip([row.metric for row in tested], holm([row.p_value for row in tested]), strict=True)
    )
    return [judged(row, adjusted.get(row.metric, math.nan)) for row in rows]


def judged(row: MetricComparison, adjusted_p: float) -> MetricComparison:
    """The row with its adjusted p value and the verdict that follows."""
    verdict: Verdict = "not shown"
    if adjusted_p < LEVEL and row.ratio.value <= 1 - RELATIVE_CHANGE:
        verdict = "less diverse"
    if adjusted_p < LEVEL and row.ratio.value >= 1 + RELATIVE_CHANGE:
        verdict = "more diverse"
    return replace(row, adjusted_p=adjusted_p, verdict=verdict)


def overall(rows: Sequence[MetricComparison]) -> Verdict:
    """What the metrics say together; contradictions show nothing."""
    said = [verdict for verdict in VERDICTS if supported(verdict, rows)]
    return said[0] if len(said) == 1 else "not shown"


VERDICTS: tuple[Verdict, ...] = ("less diverse", "more diverse")


def supported(verdict: Verdict, rows: Sequence[MetricComparison]) -> bool:
    """A lexical metric says so and, where any semantic one is defined, one of those too."""
    kinds = {row.kind for row in rows if row.difference.n}
    agreeing = {row.kind for row in rows if row.verdict == verdict}
    return bool(agreeing) and kinds == agreeing
