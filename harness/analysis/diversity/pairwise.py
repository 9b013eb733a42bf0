"""Diversity from comparing texts in pairs, word by word in order: ROUGE-L homogenization."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    FloatArray,
    Groups,
    IntArray,
    Tokenizer,
    encode,
)

SURROGATES, SURROGATES_END = 0xD800, 0xE000
MOST_CHARACTERS = 0x110000 - (SURROGATES_END - SURROGATES)
PAIRS_AT_ONCE = 1 << 24


def rouge_l_homogenization(
    texts: Sequence[str], *, tokenizer: Tokenizer = DEFAULT_TOKENIZER
) -> float:
    """The mean ROUGE-L F1 over all pairs of texts, in [0, 1]; higher is less diverse.

    F1 = 2 LCS / (m + n) on token sequences of lengths m and n. Quadratic in the number of
    texts. NaN for fewer than 2 texts, or where no text has tokens. Source: Shaib 2024.
    """
    return float(per_prompt_rouge_l_homogenization([texts], tokenizer=tokenizer)[0])


def per_prompt_rouge_l_homogenization(
    groups: Groups, *, tokenizer: Tokenizer = DEFAULT_TOKENIZER
) -> FloatArray:
    """`rouge_l_homogenization` of each prompt's texts, (prompts,), NaN where undefined."""
    return homogenization(encode(groups, tokenizer))


def homogenization(corpus: Corpus) -> FloatArray:
    """Each prompt's ROUGE-L homogenization, (P,)."""
    documents = corpus.documents()
    means = [mean_rouge_l(as_characters(documents[texts])) for texts in corpus.prompt_slices()]
    return np.array(means, dtype=np.float64)


def mean_rouge_l(documents: Sequence[str]) -> float:
    """The mean ROUGE-L F1 over pairs of texts with one character a token.

    Rows in portions: all pairs of many texts at once would not fit into memory.
    """
    from rapidfuzz.distance import Indel
    from rapidfuzz.process import cdist

    n = len(documents)
    if n < 2 or not any(documents):
        return math.nan
    step = max(1, PAIRS_AT_ONCE // n)
    total = 0.0
    for start in range(0, n, step):
        rows = documents[start : start + step]
        scores = cdist(
            rows, documents, scorer=Indel.normalized_similarity, dtype=np.float64, workers=1
        )
        total += float(scores.sum())
    return (total - n) / (n * (n - 1))


def as_characters(documents: Sequence[IntArray]) -> list[str]:
    """The token ids of one prompt's texts as one character each, for a string distance."""
    if not documents:
        return []
    ids, places = np.unique(np.concatenate(documents), return_inverse=True)
    if ids.size > MOST_CHARACTERS:
        raise ValueError(
            f"{ids.size} different tokens; ROUGE-L here compares texts of up to {MOST_CHARACTERS}"
        )
    codes = np.where(places < SURROGATES, places, places + (SURROGATES_END - SURROGATES))
    stream = codes.astype("<u4").tobytes().decode("utf-32-le")
    ends = np.cumsum([ids.size for ids in documents]).tolist()
    return [stream[start:end] for start, end in zip([0, *ends], ends, strict=False)]
