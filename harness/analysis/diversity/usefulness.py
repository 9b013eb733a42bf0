"""Answers that are good and different: incoherent variety is no virtue."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np

from harness.analysis.diversity.classes import new_answers
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    FloatArray,
    Groups,
    Tokenizer,
    encode,
)

PATIENCE = 0.8
"""How likely a reader goes on to the next answer."""


def good_and_different(
    texts: Sequence[str], good: Sequence[bool], *, tokenizer: Tokenizer = DEFAULT_TOKENIZER
) -> float:
    """The share of k answers that are good and unlike the good ones before them, in [0, 1].

    The number of classes of `distinct_k` among the good answers, over the number of all: an
    answer that is not good opens no class. 1: all k are good and different; 0: none is good.

    Raises:
        ValueError: no texts, or not one judgement a text.
    """
    return float(per_prompt_good_and_different([texts], [good], tokenizer=tokenizer)[0])


def per_prompt_good_and_different(
    groups: Groups,
    good: Sequence[Sequence[bool]],
    *,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
) -> FloatArray:
    """`good_and_different` of each prompt's texts, shape (prompts,)."""
    check(groups, good, "judgements")
    kept = [list(compress(texts, marks)) for texts, marks in zip(groups, good, strict=True)]
    corpus = encode(kept, tokenizer)
    sums = corpus.prompt_sums(new_answers(corpus))
    return np.asarray(sums / [len(texts) for texts in groups])


def utility(
    texts: Sequence[str],
    values: Sequence[float],
    *,
    patience: float = PATIENCE,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
) -> float:
    """What k answers are worth to a reader who wants another one and loses patience, in [0, 1].

    The mean of ``values`` (quality from 0 to 1) with weights patience^i, where an answer
    like any before it is worth 0. 1: all are perfect and different.
    Source: Zhang 2025 (NoveltyBench), with its model-free rule of likeness.

    Raises:
        ValueError: no texts, or not one value a text.
    """
    found = per_prompt_utility([texts], [values], patience=patience, tokenizer=tokenizer)
    return float(found[0])


def per_prompt_utility(
    groups: Groups,
    values: Sequence[Sequence[float]],
    *,
    patience: float = PATIENCE,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
) -> FloatArray:
    """`utility` of each prompt's texts, shape (prompts,)."""
    check(groups, values, "values")
    corpus = encode(groups, tokenizer)
    places = np.concatenate([np.arange(0), *(np.arange(k) for k in corpus.k.tolist())])
    weights = patience**places
    worth = weights * np.array([v for row in values for v in row]) * new_answers(corpus)
    return corpus.prompt_sums(worth) / corpus.prompt_sums(weights)


def check(groups: Groups, marks: Sequence[Sequence[object]], what: str) -> None:
    """Refuse a prompt without texts, and marks that are not one a text.

    Raises:
        ValueError: there is one.
    """
    for texts, row in zip(groups, marks, strict=True):
        if not texts or len(texts) != len(row):
            raise ValueError(f"{len(texts)} texts and {len(row)} {what}; give one a text")
