"""A set of metrics of one model's texts, per prompt and across prompts, in one pass."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.diversity.metrics import FEW, Direction, PromptMetric, measure_named
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    FloatArray,
    Groups,
    Tokenizer,
    encode,
)


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
    more_diverse: Direction
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
    """Measure the texts of all prompts; they are cut and counted once for all metrics.

    Raises:
        ValueError: an unknown metric's or tokenizer's name.
    """
    chosen = {name: measure_named(name) for name in metrics}
    corpus = encode(groups, tokenizer)
    firsts = encode([[group[0] for group in groups if len(group)]], tokenizer)
    return {name: measured(name, chosen[name], corpus, firsts) for name in chosen}


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
