"""The table of metrics: what each is called, which way it points, and what measures it.

Whoever measures, compares or shows reads it here; a new metric is one row.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness import extensions
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
from harness.analysis.diversity.tokens import Corpus, FloatArray
from harness.analysis.diversity.vendi import mean_vendi
from harness.errors import ExtensionError

FEW = "fewer than 2 texts"
NO_TOKENS = "a text without tokens"
LARGE, LARGER = 500, 2_000

Direction = Literal["higher", "lower"]
Scale = Literal["share", "count", "open"]
"""From 0 to 1; from 1 to the number of texts; without an upper end."""

Scope = Literal["per prompt", "across prompts"]


@dataclass(frozen=True, slots=True)
class PromptMetric:
    """One value a prompt (P,), NaN where undefined, and which way more diversity lies.

    ``otherwise`` says why a prompt of 2 texts or more may have no value. Texts of fewer than
    ``tokens`` tokens count as short: their value says little. ``told`` names where the metric
    is told of unless it is asked for, None: everywhere; ``most`` is the largest set that does
    not take long.
    """

    title: str
    values: Callable[[Corpus], FloatArray]
    more_diverse: Direction
    otherwise: str
    scale: Scale = "share"
    tokens: int = 1
    told: Scope | None = None
    most: int | None = None

    def is_told(self, scope: Scope) -> bool:
        """Whether a profile shows it there without being asked."""
        return self.told in (None, scope)

    def highest(self, texts: int) -> float:
        """The highest value that it can take of so many texts."""
        ends = {"share": 1.0, "count": float(texts), "open": math.inf}
        return ends[self.scale]


def compression(corpus: Corpus) -> FloatArray:
    """Each prompt's xz compression ratio."""
    return np.array([compression_ratio(corpus.texts[t]) for t in corpus.prompt_slices()], float)


def of_n(of: Callable[[Corpus, int], FloatArray], title: str, scale: Scale) -> list[PromptMetric]:
    """A metric of n-grams at each n."""

    def at(n: int) -> PromptMetric:
        return PromptMetric(
            title.format(n),
            lambda corpus: of(corpus, n),
            "higher",
            f"no {n}-grams",
            scale,
            tokens=n,
        )

    return [at(n) for n in ORDERS]


ORDERS = (1, 2, 3, 4)
FAMILIES: Mapping[str, list[PromptMetric]] = {
    "distinct": of_n(distinct, "distinct-{}", "share"),
    "expected_distinct": of_n(expected_distinct, "expectation-adjusted distinct-{}", "open"),
    "entropy": of_n(entropy, "entropy of {}-grams (nats)", "open"),
}
MEASURES: Mapping[str, PromptMetric] = {
    "duplicate_rate": PromptMetric("duplicate rate", duplicates, "lower", FEW, tokens=0),
    "distinct_k": PromptMetric(
        "different answers", classes, "higher", FEW, "count", told="per prompt", most=LARGE
    ),
    "self_bleu": PromptMetric("self-BLEU-4", mean_bleu, "lower", FEW, tokens=ORDER),
    "vendi": PromptMetric(
        "Vendi score", mean_vendi, "higher", NO_TOKENS, "count", told="per prompt", most=LARGER
    ),
    "vendi_2": PromptMetric(
        "Vendi score, q = 2",
        lambda corpus: mean_vendi(corpus, q=2),
        *("higher", NO_TOKENS, "count"),
        most=LARGER,
    ),
    "self_repetition": PromptMetric(
        "self-repetition-4",
        repetition,
        *("lower", "no 4-grams", "open"),
        tokens=4,
        told="across prompts",
    ),
    "rouge_l_homogenization": PromptMetric(
        "ROUGE-L homogenization", homogenization, "lower", "no tokens", most=LARGER
    ),
    "compression_ratio": PromptMetric(
        "compression ratio",
        compression,
        *("lower", "no characters", "open"),
        tokens=0,
        told="across prompts",
    ),
    **{f"{name}_{n}": one for name, row in FAMILIES.items() for n, one in enumerate(row, 1)},
}
NGRAM_MEASURES = (
    "self_bleu",
    "self_repetition",
    *(f"{name}_{n}" for name in FAMILIES for n in ORDERS),
)
TITLES: Mapping[str, str] = {
    **{name: one.title for name, one in MEASURES.items()},
    "embedding_vendi": "Vendi score of meanings",
    "embedding_dissimilarity": "distance of meanings",
}


def title_of(name: str, *, turned: bool = False) -> str:
    """What a metric is called; one from outside by its own name.

    ``turned``: where higher is made to mean more diverse throughout.
    """
    lower = name in MEASURES and MEASURES[name].more_diverse == "lower"
    return f"{'1 - ' if turned and lower else ''}{TITLES.get(name, name)}"


def measure_named(name: str) -> PromptMetric:
    """The measure of this name.

    Raises:
        ValueError: there is none.
        ExtensionError: another package's cannot be used.
    """
    if name not in MEASURES and name in extensions.names(extensions.METRICS):
        return _extension(name)
    return MEASURES[known_name(name, (*MEASURES, *extensions.names(extensions.METRICS)))]


def _extension(name: str) -> PromptMetric:
    """A metric of another package."""
    found = extensions.load(extensions.METRICS, name)
    if not isinstance(found, PromptMetric):
        where = extensions.origin(extensions.METRICS, name)
        raise ExtensionError(f"{where} is no metric: {extensions.GROUPS[extensions.METRICS]}")
    return found


def known_name(name: str, known: Iterable[str]) -> str:
    """The name, if it is known.

    Raises:
        ValueError: it is not; the nearest ones are named.
    """
    names = list(known)
    if name not in names:
        near = difflib.get_close_matches(name, names) or names
        raise ValueError(f"unknown diversity metric {name!r}; use {' or '.join(near)}")
    return name
