"""A set of metrics of one model's texts, per prompt and across prompts, in one pass."""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.analysis.diversity.bleu import ORDER, mean_bleu
from harness.analysis.diversity.classes import classes
from harness.analysis.diversity.lexical import (
    compression_ratio,
    distinct,
    duplicates,
    entropy,
    expected_distinct,
    repetition,
)
from harness.analysis.diversity.pairwise import homogenization
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    FloatArray,
    Groups,
    Tokenizer,
    encode,
)
from harness.analysis.diversity.vendi import mean_vendi

FEW = "fewer than 2 texts"


@dataclass(frozen=True, slots=True)
class PromptMetric:
    """One value a prompt (P,), NaN where undefined, and which way more diversity lies.

    ``otherwise`` says why a prompt of 2 texts or more may have no value. Texts of fewer than
    ``tokens`` tokens count as short: their value says little.
    """

    values: Callable[[Corpus], FloatArray]
    more_diverse: Literal["higher", "lower"]
    otherwise: str
    tokens: int = 1


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of one model's texts.

    ``per_prompt`` (P,) holds NaN where ``reasons`` names one; ``across`` is the value of the
    set of each prompt's first text, NaN for ``across_reason``. ``short`` counts the texts
    that are too short for the metric to see.
    """

    metric: str
    per_prompt: FloatArray
    reasons: tuple[str | None, ...]
    across: float
    across_reason: str | None
    short: int
    more_diverse: Literal["higher", "lower"]
    tokenizer: str

    @property
    def mean(self) -> float:
        """The mean over the prompts that have a value; NaN where none has."""
        values = self.per_prompt[~np.isnan(self.per_prompt)]
        return float(values.mean()) if values.size else math.nan

    @property
    def excluded(self) -> Mapping[str, int]:
        """How many prompts have no value, by reason."""
        return Counter(reason for reason in self.reasons if reason is not None)


def compression(corpus: Corpus) -> FloatArray:
    """Each prompt's xz compression ratio."""
    return np.array([compression_ratio(corpus.texts[t]) for t in corpus.prompt_slices()], float)


def counted(of: Callable[[Corpus, int], FloatArray], n: int) -> PromptMetric:
    """A metric of n-grams at one n."""
    return PromptMetric(lambda corpus: of(corpus, n), "higher", f"no {n}-grams", n)


ORDERS = (1, 2, 3, 4)
MEASURES: Mapping[str, PromptMetric] = {
    "duplicate_rate": PromptMetric(duplicates, "lower", FEW, 0),
    "distinct_k": PromptMetric(classes, "higher", FEW),
    "self_bleu": PromptMetric(mean_bleu, "lower", FEW, ORDER),
    "vendi": PromptMetric(mean_vendi, "higher", "a text without tokens"),
    "vendi_2": PromptMetric(lambda c: mean_vendi(c, q=2), "higher", "a text without tokens"),
    "self_repetition": PromptMetric(repetition, "lower", "no 4-grams", 4),
    "rouge_l_homogenization": PromptMetric(homogenization, "lower", "no tokens"),
    "compression_ratio": PromptMetric(compression, "lower", "no characters", 0),
    **{f"distinct_{n}": counted(distinct, n) for n in ORDERS},
    **{f"expected_distinct_{n}": counted(expected_distinct, n) for n in ORDERS},
    **{f"entropy_{n}": counted(entropy, n) for n in ORDERS},
}
NGRAM_MEASURES = (
    "self_bleu",
    "self_repetition",
    *(f"{name}_{n}" for name in ("distinct", "expected_distinct", "entropy") for n in ORDERS),
)
DEFAULT_MEASURES = (
    "duplicate_rate",
    "distinct_k",
    "self_bleu",
    "distinct_2",
    "distinct_4",
    "vendi",
    "self_repetition",
)


def measure(
    groups: Groups,
    metrics: Sequence[str] = DEFAULT_MEASURES,
    *,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
) -> dict[str, Measured]:
    """PromptMetric the texts of all prompts; they are cut and counted once for all metrics.

    Raises:
        ValueError: an unknown metric's or tokenizer's name.
    """
    chosen = {name: measure_named(name) for name in metrics}
    corpus = encode(groups, tokenizer)
    firsts = encode([[group[0] for group in groups if len(group)]], tokenizer)
    return {name: measured(name, chosen[name], corpus, firsts) for name in chosen}


def measure_named(name: str) -> PromptMetric:
    """The measure of this name."""
    if name not in MEASURES:
        near = difflib.get_close_matches(name, MEASURES) or MEASURES
        raise ValueError(f"unknown diversity metric {name!r}; use {' or '.join(near)}")
    return MEASURES[name]


def measured(name: str, of: PromptMetric, corpus: Corpus, firsts: Corpus) -> Measured:
    """One metric of two corpora: the prompts' own texts, and the first text of each."""
    values, across = of.values(corpus), of.values(firsts)
    return Measured(
        metric=name,
        per_prompt=values,
        reasons=reasons(of, values, corpus),
        across=float(across[0]),
        across_reason=reasons(of, across, firsts)[0],
        short=int((corpus.lengths < of.tokens).sum()),
        more_diverse=of.more_diverse,
        tokenizer=corpus.tokenizer_name,
    )


def reasons(of: PromptMetric, values: FloatArray, corpus: Corpus) -> tuple[str | None, ...]:
    """Why each prompt without a value has none, (P,)."""
    return tuple(
        None if not math.isnan(value) else FEW if k < 2 else of.otherwise
        for value, k in zip(values.tolist(), corpus.k.tolist(), strict=True)
    )
