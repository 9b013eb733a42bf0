"""Answers that are good and different: incoherent variety is no virtue."""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.diversity.pairwise import Words, numbered_words, plain_words, resemble
from harness.analysis.diversity.tokens import DEFAULT_TOKENIZER

PATIENCE = 0.8
"""How likely a reader goes on to the next answer."""


def good_and_different(
    texts: Sequence[str], good: Sequence[bool], *, tokenizer: str = DEFAULT_TOKENIZER
) -> float:
    """The share of k answers that are good and unlike the good ones before them, in [0, 1].

    The number of classes of `distinct_k` among the good answers, over the number of all: an
    answer that is not good opens no class. 1: all k are good and different; 0: none is good.

    Raises:
        ValueError: no texts, or not one judgement a text.
    """
    if not texts or len(texts) != len(good):
        raise ValueError(f"{len(texts)} texts and {len(good)} judgements; give one a text")
    kept = [text for text, is_good in zip(texts, good, strict=True) if is_good]
    return sum(are_new(kept, tokenizer)) / len(texts)


def utility(
    texts: Sequence[str],
    values: Sequence[float],
    *,
    patience: float = PATIENCE,
    tokenizer: str = DEFAULT_TOKENIZER,
) -> float:
    """What k answers are worth to a reader who wants another one and loses patience, in [0, 1].

    The mean of ``values`` (quality from 0 to 1) with weights patience^i, where an answer
    like any before it is worth 0. 1: all are perfect and different.
    Source: Zhang 2025 (NoveltyBench), with its model-free rule of likeness.

    Raises:
        ValueError: no texts, or not one value a text.
    """
    if not texts or len(texts) != len(values):
        raise ValueError(f"{len(texts)} texts and {len(values)} values; give one a text")
    weights = [patience**place for place in range(len(texts))]
    new = are_new(texts, tokenizer)
    worth = (w * v * n for w, v, n in zip(weights, values, new, strict=True))
    return sum(worth) / sum(weights)


def are_new(texts: Sequence[str], tokenizer: str = DEFAULT_TOKENIZER) -> list[bool]:
    """Whether each text opens a class of its own, by the rule of `distinct_k`."""
    leaders: list[Words] = []
    new = []
    for text in texts:
        words = numbered_words(plain_words(text, tokenizer))
        new.append(not any(resemble(words, leader) for leader in leaders))
        if new[-1]:
            leaders.append(words)
    return new
