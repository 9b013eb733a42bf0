"""How diverse one set of texts is: every metric per prompt, and across prompts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.analysis.diversity.across import ACROSS, gram_counts, jackknife
from harness.analysis.diversity.bleu import ORDER
from harness.analysis.diversity.measures import DEFAULT_MEASURES
from harness.analysis.diversity.metrics import Direction, PromptMetric, Scope, measure_named
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    FloatArray,
    Groups,
    Tokenizer,
    encode,
    folded,
)
from harness.analysis.diversity.views import Views
from harness.analysis.stats import paired_bootstrap
from harness.records import Estimate

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
DEFAULT_METRICS = (*DEFAULT_MEASURES, "compression_ratio")
CLOSED_FORM_UP_TO = 2_000  # texts of a set: self-repetition looks at all pairs that share

NO_METRICS: Mapping[str, PromptMetric] = {}

MOST_COMPRESSED = 10_000  # texts in all: compressing more takes longer than all the rest


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
    quantiles of the texts' token counts; ``short`` the number of texts that have no
    4-grams, of which self-BLEU says little, ``omitted`` says of metrics why they are not there,
    ``by_prompt`` holds each metric's value of each prompt that has texts.
    """

    rows: tuple[ProfileRow, ...]
    texts: int
    prompts: int
    k: tuple[int, int, int]
    lengths: Mapping[float, float]
    omitted: Mapping[str, str]
    tokenizer: str
    short: int = 0
    by_prompt: Mapping[str, FloatArray] = field(default_factory=dict, repr=False)

    @property
    def varied(self) -> bool:
        """Whether some prompt has several answers."""
        return self.k[-1] > 1


def profile(
    groups: Groups,
    metrics: Sequence[str] | None = None,
    *,
    seed: int = 0,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
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
    filled = [group for group in groups if len(group)]
    return profile_of(Views(encode(filled, tokenizer)), metrics, seed)


def profile_of(
    views: Views,
    metrics: Sequence[str] | None = None,
    seed: int = 0,
    further: Mapping[str, PromptMetric] = NO_METRICS,
) -> Profile:
    """`profile` of texts that are encoded already, with ``further`` metrics per prompt."""
    corpus = views.corpus
    if not corpus.texts:
        raise ValueError("no texts; give at least one prompt with answers")
    chosen = {name: measure_named(name) for name in metrics or DEFAULT_METRICS}
    omitted = {} if metrics else dict(omissions(chosen, views))
    rows, by_prompt = [], {}
    for name, measure in chosen.items():
        of_each_prompt = metrics or measure.is_told("per prompt")
        if views.varied and of_each_prompt and f"{name} per prompt" not in omitted:
            by_prompt[name] = measure.values(corpus)
            rows.append(per_prompt_row(name, measure, by_prompt[name], corpus, seed))
    for name, measure in further.items() if views.varied else ():
        by_prompt[name] = measure.values(corpus)
        rows.append(per_prompt_row(name, measure, by_prompt[name], corpus, seed))
    corpus.forget_tables()  # those of the sets are as large
    for name, measure in chosen.items():
        across = metrics or not views.varied or measure.is_told("across prompts")
        if across and views.sets.n_prompts and name not in omitted:
            rows.append(across_row(name, measure, views))
    if views.varied:  # else repeats are read off the same tables
        views.sets.forget_tables()
    k = np.sort(corpus.k)
    return Profile(
        rows=tuple(rows),
        texts=len(corpus.texts),
        prompts=corpus.n_prompts,
        k=(int(k[0]), int(k[k.size // 2]), int(k[-1])),
        lengths=length_quantiles(corpus),
        omitted=omitted,
        tokenizer=corpus.tokenizer_name,
        short=int((corpus.lengths < ORDER).sum()),
        by_prompt=by_prompt,
    )


def omissions(metrics: Mapping[str, PromptMetric], views: Views) -> Iterator[tuple[str, str]]:
    """The metrics that would take long, each with why."""
    largest: Mapping[Scope, int] = {
        "per prompt": int(views.corpus.k.max()),
        "across prompts": int(views.sets.k.max(initial=0)),
    }
    for name, measure in metrics.items():
        for scope, texts in largest.items():
            wanted = scope == "per prompt" or not views.varied or measure.is_told(scope)
            if wanted and measure.most is not None and texts > measure.most:
                place = f"{name} per prompt" if scope == "per prompt" else name
                yield place, f"takes long for {texts:,} texts in one set"
    texts = len(views.corpus.texts)
    if "compression_ratio" in metrics and texts > MOST_COMPRESSED:
        yield "compression_ratio", f"takes long for {texts:,} texts"


def length_quantiles(corpus: Corpus) -> dict[float, float]:
    """Quantiles of the texts' token counts."""
    values = np.quantile(corpus.lengths, QUANTILES)
    return dict(zip(QUANTILES, values.tolist(), strict=True))


def per_prompt_row(
    name: str, measure: PromptMetric, values: FloatArray, corpus: Corpus, seed: int
) -> ProfileRow:
    """The mean over prompts, with its interval."""
    defined = values[~np.isnan(values)]
    estimate = Estimate(math.nan, -math.inf, math.inf, 0, "bootstrap over prompts")
    if defined.size:
        top = measure.highest(corpus)
        bounds = (0.0, max(top, float(defined.max()))) if math.isfinite(top) else None
        found = paired_bootstrap(defined, np.zeros_like(defined), seed=seed, bounds=bounds)
        estimate = replace(found, method=found.method.replace("units", "prompts"))
    excluded = int(values.size - defined.size)
    return ProfileRow(name, "per prompt", estimate, excluded, measure.more_diverse)


def across_row(name: str, measure: PromptMetric, views: Views) -> ProfileRow:
    """The mean over sets of one answer a prompt."""
    n = int(views.sets.k.max())
    if n <= CLOSED_FORM_UP_TO:
        found = closed_form(name, views)
        if found is not None:
            estimate = within(jackknifed(views, found), measure.highest(views.sets))
            return ProfileRow(name, "across prompts", estimate, 0, measure.more_diverse)
    values = measure.values(views.sets)
    defined = values[~np.isnan(values)]
    mean = float(defined.mean()) if defined.size else math.nan
    estimate = Estimate(mean, -math.inf, math.inf, n, "no interval")
    excluded = int(values.size - defined.size)
    return ProfileRow(name, "across prompts", estimate, excluded, measure.more_diverse)


def within(estimate: Estimate, top: float) -> Estimate:
    """The estimate with its interval between 0 and the highest value."""
    if not math.isfinite(estimate.low):
        return estimate
    return replace(estimate, low=max(0.0, estimate.low), high=min(top, estimate.high))


Without = tuple[float, FloatArray]
"""A set's value, and the values without each of its texts."""


def closed_form(name: str, views: Views) -> list[Without] | None:
    """The values of each set with and without each text; None where there is no such form."""
    sets = [views.sets.texts[texts] for texts in views.sets.prompt_slices()]
    if name == "duplicate_rate":
        return [duplicates_without(texts) for texts in sets]
    metric = next((metric for metric in ACROSS if metric.name == name), None)
    if metric is None:
        return None
    return [metric.values(counts) for counts in gram_counts(sets, views.corpus.tokenizer)]


def jackknifed(views: Views, found: Sequence[Without]) -> Estimate:
    """The mean over sets, with the interval from leaving out each prompt in turn."""
    total, present = np.zeros(views.corpus.n_prompts), np.unique(views.members)
    parts = zip(views.sets.prompt_slices(), found, strict=True)
    for texts, (value, without) in parts:
        left_out = np.full(total.size, value)
        left_out[views.members[texts]] = without
        total += left_out
    mean = float(np.mean([value for value, _ in found]))
    return jackknife(mean, (total / len(found))[present])


def duplicates_without(texts: Sequence[str]) -> Without:
    """The duplicate rate, and without each text."""
    keys = [folded(text) for text in texts]
    counts, n = Counter(keys), len(keys)
    alone = np.array([counts[key] == 1 for key in keys])
    return 1 - len(counts) / n, 1 - (len(counts) - alone) / (n - 1)
