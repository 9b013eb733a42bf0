"""How diverse one set of texts is: every metric per prompt, and across prompts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.analysis.diversity.across import ACROSS, Direction, gram_counts, jackknife
from harness.analysis.diversity.bleu import ORDER, text_bleus
from harness.analysis.diversity.comparison import METRICS
from harness.analysis.diversity.lexical import (
    compression_ratio,
    distinct,
    entropy,
    repetition,
)
from harness.analysis.diversity.pairwise import homogenization
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    FloatArray,
    Groups,
    encode,
    folded,
)
from harness.analysis.stats import paired_bootstrap
from harness.records import Estimate

Scope = Literal["per prompt", "across prompts"]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
DEFAULT_METRICS = (
    "duplicate_rate",
    "distinct_k",
    "self_bleu",
    "distinct_2",
    "distinct_4",
    "vendi",
    "self_repetition",
    "compression_ratio",
)
TURNED = frozenset({"duplicate_rate"})
"""What `METRICS` holds as 1 - x, so that higher is more diverse throughout; here it is x."""

FEWEST_TEXTS = 3  # across prompts: without one of two, no set is left
CLOSED_FORM_UP_TO = 2_000  # texts: the jackknife of self-repetition looks at pairs that share

MOST_TEXTS: Mapping[str, int] = {
    "distinct_k": 2_000,
    "vendi": 2_000,
    "rouge_l_homogenization": 2_000,
    "self_bleu": 20_000,
    "compression_ratio": 20_000,
}
"""In one set; beyond it the time grows faster than the texts, or is long."""


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One metric: its mean over prompts, or over sets of one answer a prompt.

    ``excluded`` counts prompts (or sets) where it is not defined, ``more_diverse`` says which
    way more diversity lies.
    """

    metric: str
    scope: Scope
    estimate: Estimate
    excluded: int
    more_diverse: Direction


@dataclass(frozen=True, slots=True)
class Profile:
    """The metrics of one set of texts, and how much text there was.

    ``k`` are the fewest, the median and the most answers of a prompt, ``lengths`` the
    quantiles of the texts' token counts; ``omitted`` says of metrics why they are not there.
    """

    rows: tuple[ProfileRow, ...]
    texts: int
    prompts: int
    k: tuple[int, int, int]
    lengths: Mapping[float, float]
    omitted: Mapping[str, str]
    tokenizer: str

    @property
    def varied(self) -> bool:
        """Whether some prompt has several answers."""
        return self.k[-1] > 1


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric's value of each prompt of a corpus, (P,)."""

    values: Callable[[Corpus], FloatArray]
    more_diverse: Direction
    top: float | None = 1.0
    """The highest value; None: the number of texts."""


def grouped(corpus: Corpus) -> Groups:
    """The texts of each prompt."""
    return [corpus.texts[texts] for texts in corpus.prompt_slices()]


def compared_metric(name: str) -> Measure:
    """A metric of comparisons, in its usual direction."""
    metric = METRICS[name]
    if name in TURNED:
        return Measure(lambda corpus: 1 - metric.values(corpus), "lower")
    return Measure(metric.values, "higher", 1.0 if metric.unit == "share" else None)


def compressions(corpus: Corpus) -> FloatArray:
    """The compression ratio of each prompt's texts."""
    return np.array([compression_ratio(texts) for texts in grouped(corpus)], dtype=np.float64)


def long_enough_bleus(corpus: Corpus) -> FloatArray:
    """Self-BLEU over the texts that have 4-grams; a few short ones do not spoil a large set."""
    long = corpus.lengths >= ORDER
    sums = np.bincount(corpus.prompts[long], text_bleus(corpus)[long], corpus.n_prompts)
    counts = np.bincount(corpus.prompts[long], minlength=corpus.n_prompts)
    return np.where(counts > 1, sums / np.maximum(counts, 1), np.nan)


FURTHER: Mapping[str, Measure] = {
    "self_bleu": Measure(long_enough_bleus, "lower"),
    "distinct_1": Measure(lambda corpus: distinct(corpus, 1), "higher"),
    "distinct_3": Measure(lambda corpus: distinct(corpus, 3), "higher"),
    "self_repetition": Measure(repetition, "lower", math.inf),
    "rouge_l_homogenization": Measure(homogenization, "lower"),
    "ngram_entropy": Measure(lambda corpus: entropy(corpus, 2), "higher", math.inf),
    "compression_ratio": Measure(compressions, "lower", math.inf),
}
ONLY_ACROSS = frozenset({"self_repetition", "compression_ratio"})
"""By default: they need more text than one prompt's answers."""


def measure_named(name: str) -> Measure:
    """The measure of this name.

    Raises:
        ValueError: unknown.
    """
    if name in FURTHER:
        return FURTHER[name]
    if name in METRICS:
        return compared_metric(name)
    known = dict.fromkeys((*METRICS, *FURTHER))
    raise ValueError(f"unknown diversity metric {name!r}; use {', '.join(known)}")


def profile(
    groups: Groups,
    metrics: Sequence[str] | None = None,
    *,
    seed: int = 0,
    tokenizer: str = DEFAULT_TOKENIZER,
) -> Profile:
    """Measure a set of texts, given as one list of texts a prompt.

    Per prompt: the mean over prompts with a bootstrap interval over them. Across prompts: the
    first answers of all prompts are one set, the second ones another, and the value is the
    mean over sets; where there is a closed form, with a delete-one jackknife interval over
    prompts, else without one. Where no prompt has two answers, this is the metric of all
    texts. Metrics whose time grows with the square of a set are omitted for large sets,
    unless they are named. Assumes independent prompts.

    Raises:
        ValueError: no texts, or an unknown metric or tokenizer.
    """
    filled = [list(group) for group in groups if len(group)]
    if not filled:
        raise ValueError("no texts; give at least one prompt with answers")
    corpus = encode(filled, tokenizer)
    sizes = sorted(map(len, filled))
    rows, omitted = [], dict[str, str]()
    sets = answer_sets(filled)
    for name in DEFAULT_METRICS if metrics is None else metrics:
        measure = measure_named(name)
        most = None if metrics else MOST_TEXTS.get(name)
        if sizes[-1] > 1 and (metrics or name not in ONLY_ACROSS):
            if most is None or sizes[-1] <= most:
                rows.append(per_prompt_row(name, measure, corpus, seed))
            else:
                omitted[f"{name} per prompt"] = too_many(sizes[-1])
        if not sets:
            continue
        if most is None or len(sets[0].texts) <= most:
            rows.append(across_row(name, measure, sets, tokenizer))
        else:
            omitted[name] = too_many(len(sets[0].texts))
    return Profile(
        rows=tuple(sorted(rows, key=lambda row: row.scope == "across prompts")),
        texts=sum(sizes),
        prompts=len(sizes),
        k=(sizes[0], sizes[len(sizes) // 2], sizes[-1]),
        lengths=length_quantiles(corpus),
        omitted=omitted,
        tokenizer=corpus.tokenizer_name,
    )


def too_many(texts: int) -> str:
    """Why a metric is omitted."""
    return f"takes long for {texts:,} texts in one set; name it to have it"


def length_quantiles(corpus: Corpus) -> dict[float, float]:
    """Quantiles of the texts' token counts."""
    values = np.quantile(corpus.lengths, QUANTILES)
    return dict(zip(QUANTILES, values.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class AnswerSet:
    """One answer of each of some prompts, and these prompts' places."""

    texts: list[str]
    prompts: list[int]


def answer_sets(groups: Groups) -> list[AnswerSet]:
    """The first answers of all prompts, the second ones, ...; sets of 3 texts or more."""
    sets = []
    for i in range(max(map(len, groups))):
        prompts = [place for place, group in enumerate(groups) if len(group) > i]
        if len(prompts) >= FEWEST_TEXTS:
            sets.append(AnswerSet([groups[place][i] for place in prompts], prompts))
    return sets


def per_prompt_row(name: str, measure: Measure, corpus: Corpus, seed: int) -> ProfileRow:
    """The mean over prompts, with its interval."""
    values = measure.values(corpus)
    defined = values[~np.isnan(values)]
    estimate = no_estimate("bootstrap over prompts")
    if defined.size:
        top = float(corpus.k.max()) if measure.top is None else measure.top
        bounds = (0.0, max(top, float(defined.max())))
        finite = bounds if math.isfinite(bounds[1]) else None
        found = paired_bootstrap(defined, np.zeros_like(defined), seed=seed, bounds=finite)
        estimate = replace(found, method=found.method.replace("units", "prompts"))
    excluded = int(values.size - defined.size)
    return ProfileRow(name, "per prompt", estimate, excluded, measure.more_diverse)


def across_row(
    name: str, measure: Measure, sets: Sequence[AnswerSet], tokenizer: str
) -> ProfileRow:
    """The mean over sets of one answer a prompt."""
    texts = [one.texts for one in sets]
    closed = closed_form(name, texts, tokenizer)
    if closed is not None:
        estimate = within(jackknifed(sets, closed), measure.top or math.inf)
        return ProfileRow(name, "across prompts", estimate, 0, measure.more_diverse)
    values = measure.values(encode(texts, tokenizer))
    defined = values[~np.isnan(values)]
    mean = float(defined.mean()) if defined.size else math.nan
    estimate = Estimate(mean, -math.inf, math.inf, len(texts[0]), "no interval")
    excluded = int(values.size - defined.size)
    return ProfileRow(name, "across prompts", estimate, excluded, measure.more_diverse)


def within(estimate: Estimate, top: float) -> Estimate:
    """The estimate with its interval between 0 and the highest value."""
    if not math.isfinite(estimate.low):
        return estimate
    return replace(estimate, low=max(0.0, estimate.low), high=min(top, estimate.high))


Without = tuple[float, FloatArray]
"""A set's value, and the values without each of its texts."""


def closed_form(name: str, sets: Groups, tokenizer: str) -> list[Without] | None:
    """The values of each set with and without each text; None where that takes too long."""
    if len(sets[0]) > CLOSED_FORM_UP_TO:
        return None
    if name == "duplicate_rate":
        return [duplicates_without(texts) for texts in sets]
    metric = next((metric for metric in ACROSS if metric.name == name), None)
    if metric is None:
        return None
    return [metric.values(counts) for counts in gram_counts(sets, tokenizer)]


def jackknifed(sets: Sequence[AnswerSet], found: Sequence[Without]) -> Estimate:
    """The mean over sets, with the interval from leaving out each prompt in turn."""
    total = np.zeros(1 + max(one.prompts[-1] for one in sets))
    present = sorted({place for one in sets for place in one.prompts})
    for one, (value, without) in zip(sets, found, strict=True):
        left_out = np.full(total.size, value)
        left_out[one.prompts] = without
        total += left_out
    mean = float(np.mean([value for value, _ in found]))
    return jackknife(mean, (total / len(sets))[present])


def duplicates_without(texts: Sequence[str]) -> Without:
    """The duplicate rate, and without each text."""
    keys = [folded(text) for text in texts]
    counts, n = Counter(keys), len(keys)
    alone = np.array([counts[key] == 1 for key in keys])
    return 1 - len(counts) / n, 1 - (len(counts) - alone) / (n - 1)


def no_estimate(method: str, n: int = 0) -> Estimate:
    """What is not defined anywhere."""
    return Estimate(math.nan, -math.inf, math.inf, n, method)
