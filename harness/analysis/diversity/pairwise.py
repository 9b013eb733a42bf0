"""Diversity from comparing texts in pairs: ROUGE-L homogenization and distinct_k."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    FloatArray,
    Groups,
    IntArray,
    encode,
    folded,
    tokenize,
)

SAME_CLASS_ROUGE = 0.458  # NoveltyBench's threshold, fitted to human judgement
SHORT_ANSWER_WORDS = 5
SURROGATES, SURROGATES_END = 0xD800, 0xE000


def rouge_l_homogenization(texts: Sequence[str], *, tokenizer: str = DEFAULT_TOKENIZER) -> float:
    """The mean ROUGE-L F1 over all pairs of texts, in [0, 1]; higher is less diverse.

    F1 = 2 LCS / (m + n) on token sequences of lengths m and n. Quadratic in the number of
    texts. NaN for fewer than 2 texts, or where no text has tokens. Source: Shaib 2024.
    """
    return float(per_prompt_rouge_l_homogenization([texts], tokenizer=tokenizer)[0])


def per_prompt_rouge_l_homogenization(
    groups: Groups, *, tokenizer: str = DEFAULT_TOKENIZER
) -> FloatArray:
    """`rouge_l_homogenization` of each prompt's texts, (prompts,), NaN where undefined."""
    corpus = encode(groups, tokenizer)
    documents = [as_characters(ids) for ids in corpus.documents()]
    means = [mean_rouge_l(documents[texts]) for texts in corpus.prompt_slices()]
    return np.array(means, dtype=np.float64)


def mean_rouge_l(documents: Sequence[str]) -> float:
    """The mean ROUGE-L F1 over pairs of texts with one character a token."""
    from rapidfuzz.distance import Indel
    from rapidfuzz.process import cdist

    n = len(documents)
    if n < 2 or not any(documents):
        return math.nan
    scores = cdist(documents, documents, scorer=Indel.normalized_similarity, dtype=np.float64)
    return float((scores.sum() - n) / (n * (n - 1)))


def as_characters(ids: IntArray) -> str:
    """Token ids as one character each, so that a string distance compares tokens."""
    skip = SURROGATES_END - SURROGATES
    return "".join(chr(i if i < SURROGATES else i + skip) for i in ids.tolist())


def distinct_k(texts: Sequence[str], *, tokenizer: str = DEFAULT_TOKENIZER) -> float:
    """How many really different answers there are among k texts, from 1 to k.

    Greedy: a text joins the first class whose first member it resembles, else it opens a
    class. It resembles at ROUGE-1 F1 > .458; where both have at most 5 words, when half of
    the longer one's are common. Case and punctuation aside. NaN for fewer than 2 texts.
    Source: Zhang 2025 (NoveltyBench), its model-free rule.
    """
    return float(per_prompt_distinct_k([texts], tokenizer=tokenizer)[0])


def per_prompt_distinct_k(groups: Groups, *, tokenizer: str = DEFAULT_TOKENIZER) -> FloatArray:
    """`distinct_k` of each prompt's texts, shape (prompts,), NaN where k < 2."""
    return np.array([answer_classes(group, tokenizer) for group in groups], dtype=np.float64)


def answer_classes(texts: Sequence[str], tokenizer: str) -> float:
    """The number of classes that the texts fall into; NaN for fewer than 2 texts."""
    if len(texts) < 2:
        return math.nan
    leaders: list[Counter[str]] = []
    for words in dict.fromkeys(plain_words(text, tokenizer) for text in texts):
        counts = Counter(words)
        if not any(resemble(counts, leader) for leader in leaders):
            leaders.append(counts)
    return float(len(leaders))


def plain_words(text: str, tokenizer: str) -> tuple[str, ...]:
    """The case-folded tokens without punctuation; all tokens where there is nothing else.

    A full stop in common would make "Paris." and "London." half the same.
    """
    tokens = tuple(tokenize(folded(text), tokenizer))
    return tuple(token for token in tokens if any(map(str.isalnum, token))) or tokens


def resemble(first: Counter[str], second: Counter[str]) -> bool:
    """Two answers, as counts of their words, say much the same."""
    lengths = first.total(), second.total()
    if max(lengths) <= SHORT_ANSWER_WORDS:
        return 2 * len(first.keys() & second.keys()) >= max(lengths)
    return 2 * (first & second).total() / sum(lengths) > SAME_CLASS_ROUGE
