"""Diversity from comparing texts in pairs: ROUGE-L homogenization and distinct_k."""

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
    folded,
    tokenize,
)

SAME_CLASS_ROUGE = 0.458  # NoveltyBench's threshold, fitted to human judgement
SHORT_ANSWER_WORDS = 5
Words = frozenset[tuple[str, int]]

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


def distinct_k(texts: Sequence[str], *, tokenizer: Tokenizer = DEFAULT_TOKENIZER) -> float:
    """How many really different answers there are among k texts, from 1 to k.

    Greedy: a text joins the first class whose first member it resembles, else it opens a
    class. It resembles at ROUGE-1 F1 > .458; where both have at most 5 words, when half of
    the longer one's are common. Case and punctuation aside. NaN for fewer than 2 texts.
    Source: Zhang 2025 (NoveltyBench), its model-free rule.
    """
    return float(per_prompt_distinct_k([texts], tokenizer=tokenizer)[0])


def per_prompt_distinct_k(
    groups: Groups, *, tokenizer: Tokenizer = DEFAULT_TOKENIZER
) -> FloatArray:
    """`distinct_k` of each prompt's texts, shape (prompts,), NaN where k < 2."""
    return np.array([answer_classes(group, tokenizer) for group in groups], dtype=np.float64)


def classes(corpus: Corpus) -> FloatArray:
    """Each prompt's distinct_k, (P,)."""
    groups = [corpus.texts[texts] for texts in corpus.prompt_slices()]
    return per_prompt_distinct_k(groups, tokenizer=corpus.tokenizer)


def answer_classes(texts: Sequence[str], tokenizer: Tokenizer) -> float:
    """The number of classes that the texts fall into; NaN for fewer than 2 texts."""
    if len(texts) < 2:
        return math.nan
    leaders: list[Words] = []
    for tokens in dict.fromkeys(plain_words(text, tokenizer) for text in texts):
        words = numbered_words(tokens)
        if not any(resemble(words, leader) for leader in leaders):
            leaders.append(words)
    return float(len(leaders))


def plain_words(text: str, tokenizer: Tokenizer) -> tuple[str, ...]:
    """The case-folded tokens without punctuation; all tokens where there is nothing else.

    A full stop in common would make "Paris." and "London." half the same.
    """
    tokens = tuple(tokenize(folded(text), tokenizer))
    spoken = (token for token in tokens if token.isalnum() or any(map(str.isalnum, token)))
    return tuple(spoken) or tokens


def numbered_words(tokens: Sequence[str]) -> Words:
    """The words, each with the number of its occurrence: a set that counts repetitions."""
    seen: dict[str, int] = {}
    words = []
    for token in tokens:
        before = seen.get(token, 0)
        words.append((token, before))
        seen[token] = before + 1
    return frozenset(words)


def resemble(first: Words, second: Words) -> bool:
    """Two answers say much the same."""
    common = first & second
    longest = max(len(first), len(second))
    if longest <= SHORT_ANSWER_WORDS:
        return 2 * len({word for word, _ in common}) >= longest
    return 2 * len(common) / (len(first) + len(second)) > SAME_CLASS_ROUGE
