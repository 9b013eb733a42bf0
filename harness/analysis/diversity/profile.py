"""How diverse one set of texts is: every metric per prompt, and across prompts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.analysis.diversity.across import inside, jackknife
from harness.analysis.diversity.bleu import ORDER
from harness.analysis.diversity.measures import DEFAULT_MEASURES
from harness.analysis.diversity.metrics import Direction, PromptMetric, Scope, measure_named
from harness.analysis.diversity.setvalues import SetValue, Shape, set_values
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    FloatArray,
    Groups,
    IntArray,
    Tokenizer,
    encode,
)
from harness.analysis.diversity.views import Views
from harness.analysis.stats import paired_bootstrap
from harness.records import Estimate

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
DEFAULT_METRICS = (*DEFAULT_MEASURES, "compression_ratio")

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
    plan = Plan.of(Shape(corpus.k), metrics, further)
    by_prompt = {name: plan.measures[name].values(corpus) for name in plan.per_prompt}
    corpus.forget_tables()  # those of the sets are as large
    found = {name: set_values(name, plan.measures[name], views) for name in plan.across}
    if views.varied:  # else repeats are read off the same tables
        views.sets.forget_tables()
    return plan.profile(by_prompt, found, corpus.lengths, corpus.tokenizer_name, seed)


@dataclass(frozen=True)
class Plan:
    """Which metrics are taken of each prompt, and which of sets of one answer a prompt."""

    shape: Shape
    measures: Mapping[str, PromptMetric]
    per_prompt: tuple[str, ...]
    across: tuple[str, ...]
    omitted: Mapping[str, str]

    @classmethod
    def of(
        cls,
        shape: Shape,
        metrics: Sequence[str] | None,
        further: Mapping[str, PromptMetric] = NO_METRICS,
    ) -> Plan:
        """Those that are asked for; else the usual ones, without what would take long.

        Raises:
            ValueError: no texts, or an unknown metric.
        """
        if not shape.texts:
            raise ValueError("no texts; give at least one prompt with answers")
        chosen = {name: measure_named(name) for name in metrics or DEFAULT_METRICS}
        omitted = {} if metrics else dict(omissions(chosen, shape))
        of_prompts = [
            name
            for name, measure in chosen.items()
            if (metrics or measure.is_told("per prompt")) and f"{name} per prompt" not in omitted
        ]
        of_sets = [
            name
            for name, measure in chosen.items()
            if (metrics or not shape.varied or measure.is_told("across prompts"))
            and name not in omitted
        ]
        return cls(
            shape,
            {**chosen, **further},
            tuple([*of_prompts, *further] if shape.varied else ()),
            tuple(of_sets if shape.sets else ()),
            omitted,
        )

    def profile(
        self,
        by_prompt: Mapping[str, FloatArray],
        sets: Mapping[str, Sequence[SetValue]],
        lengths: IntArray,
        tokenizer: str,
        seed: int,
    ) -> Profile:
        """What the values of prompts (P,) and of sets, and the lengths of texts (D,) say."""
        shape, k = self.shape, np.sort(self.shape.k)
        rows = [
            per_prompt_row(name, self.measures[name], by_prompt[name], shape, seed)
            for name in self.per_prompt
        ]
        rows += [across_row(name, self.measures[name], sets[name], shape) for name in self.across]
        return Profile(
            rows=tuple(rows),
            texts=shape.texts,
            prompts=shape.k.size,
            k=(int(k[0]), int(k[k.size // 2]), int(k[-1])),
            lengths=length_quantiles(lengths),
            omitted=self.omitted,
            tokenizer=tokenizer,
            short=int((lengths < ORDER).sum()),
            by_prompt={name: by_prompt[name] for name in self.per_prompt},
        )


def omissions(metrics: Mapping[str, PromptMetric], shape: Shape) -> Iterator[tuple[str, str]]:
    """The metrics that would take long, each with why."""
    largest: Mapping[Scope, int] = {
        "per prompt": int(shape.k.max()),
        "across prompts": shape.largest_set,
    }
    for name, measure in metrics.items():
        for scope, texts in largest.items():
            wanted = scope == "per prompt" or not shape.varied or measure.is_told(scope)
            if wanted and measure.most is not None and texts > measure.most:
                place = f"{name} per prompt" if scope == "per prompt" else name
                yield place, f"takes long for {texts:,} texts in one set"
    if "compression_ratio" in metrics and shape.texts > MOST_COMPRESSED:
        yield "compression_ratio", f"takes long for {shape.texts:,} texts"


def length_quantiles(lengths: IntArray) -> dict[float, float]:
    """Quantiles of the texts' token counts."""
    values = np.quantile(lengths, QUANTILES)
    return dict(zip(QUANTILES, values.tolist(), strict=True))


def per_prompt_row(
    name: str, measure: PromptMetric, values: FloatArray, shape: Shape, seed: int
) -> ProfileRow:
    """The mean over prompts, with its interval."""
    defined = values[~np.isnan(values)]
    estimate = Estimate(math.nan, -math.inf, math.inf, 0, "bootstrap over prompts")
    if defined.size:
        top = measure.highest(int(shape.k.max()))
        bounds = (0.0, max(top, float(defined.max()))) if math.isfinite(top) else None
        found = paired_bootstrap(defined, np.zeros_like(defined), seed=seed, bounds=bounds)
        estimate = replace(found, method=found.method.replace("units", "prompts"))
    excluded = int(values.size - defined.size)
    return ProfileRow(name, "per prompt", estimate, excluded, measure.more_diverse)


def across_row(
    name: str, measure: PromptMetric, found: Sequence[SetValue], shape: Shape
) -> ProfileRow:
    """The mean over sets of one answer a prompt."""
    values = np.array([one.value for one in found])
    without = [one.without for one in found if one.without is not None]
    if len(without) == len(found):
        top = measure.highest(shape.largest_set)
        estimate = inside(jackknifed(values, without, shape), 0.0, top)
        return ProfileRow(name, "across prompts", estimate, 0, measure.more_diverse)
    defined = values[~np.isnan(values)]
    mean = float(defined.mean()) if defined.size else math.nan
    estimate = Estimate(mean, -math.inf, math.inf, shape.largest_set, "no interval")
    excluded = int(values.size - defined.size)
    return ProfileRow(name, "across prompts", estimate, excluded, measure.more_diverse)


def jackknifed(values: FloatArray, without: Sequence[FloatArray], shape: Shape) -> Estimate:
    """The mean over sets, with the interval from leaving out each prompt in turn."""
    total = np.zeros(shape.k.size)
    for value, prompts, missing in zip(values.tolist(), shape.sets, without, strict=True):
        left_out = np.full(total.size, value)
        left_out[prompts] = missing
        total += left_out
    present = np.unique(np.concatenate(shape.sets))
    return jackknife(float(np.mean(values)), (total / len(without))[present])
