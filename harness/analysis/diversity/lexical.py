"""Diversity read off the n-gram table: distinct-n, entropy, repetition, duplicates, compression.

Every metric exists pooled (one set of texts) and per prompt (one value a prompt). A set of
fewer than 2 texts, or without n-grams, has no diversity: NaN, never 0 or 1.
"""

from __future__ import annotations

import lzma
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.analysis.diversity.gramtable import GramTable
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    FloatArray,
    Groups,
    IntArray,
    Tokenizer,
    encode,
    folded,
    nfc,
)

LITERATURE_VOCABULARY = 50257


def distinct_n(texts: Sequence[str], n: int, *, tokenizer: Tokenizer = DEFAULT_TOKENIZER) -> float:
    """Different n-grams over all n-grams of a set of texts, in (0, 1]; 1: none repeats.

    Falls with the length and number of the texts: compare at equal k and length
    (`matched`). Source: Li 2016.
    """
    return float(per_prompt_distinct_n([texts], n, tokenizer=tokenizer)[0])


def per_prompt_distinct_n(
    groups: Groups, n: int, *, tokenizer: Tokenizer = DEFAULT_TOKENIZER
) -> FloatArray:
    """`distinct_n` of each prompt's texts, shape (prompts,), NaN where undefined."""
    return distinct(encode(groups, tokenizer), n)


def distinct(corpus: Corpus, n: int) -> FloatArray:
    """Different over all n-grams of each prompt."""
    return defined(corpus, divided(different_grams(corpus, n), gram_totals(corpus, n)))


def expected_distinct_n(
    texts: Sequence[str],
    n: int,
    *,
    vocabulary: int = LITERATURE_VOCABULARY,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
) -> float:
    """Expectation-adjusted distinct-n: N different over those expected of C random draws.

    N / (V (1 - ((V-1)/V)^C)) with V = ``vocabulary``. With V much larger than C it hardly
    differs from distinct-n, and does not remove the effect of length. Source: Liu 2022.
    """
    groups = [texts]
    values = per_prompt_expected_distinct_n(groups, n, vocabulary=vocabulary, tokenizer=tokenizer)
    return float(values[0])


def per_prompt_expected_distinct_n(
    groups: Groups,
    n: int,
    *,
    vocabulary: int = LITERATURE_VOCABULARY,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
) -> FloatArray:
    """`expected_distinct_n` of each prompt's texts, shape (prompts,), NaN where undefined.

    Raises:
        ValueError: a vocabulary of less than 2.
    """
    return expected_distinct(encode(groups, tokenizer), n, vocabulary)


def expected_distinct(
    corpus: Corpus, n: int, vocabulary: int = LITERATURE_VOCABULARY
) -> FloatArray:
    """Different over expected different n-grams of each prompt."""
    if vocabulary < 2:
        raise ValueError(f"vocabulary is {vocabulary}; draws from fewer than 2 words never differ")
    expected = vocabulary * -np.expm1(gram_totals(corpus, n) * math.log1p(-1 / vocabulary))
    return defined(corpus, divided(different_grams(corpus, n), expected))


def ngram_entropy(
    texts: Sequence[str], n: int, *, tokenizer: Tokenizer = DEFAULT_TOKENIZER
) -> float:
    """The entropy of the n-gram frequencies of a set of texts, in nats."""
    return float(per_prompt_ngram_entropy([texts], n, tokenizer=tokenizer)[0])


def per_prompt_ngram_entropy(
    groups: Groups, n: int, *, tokenizer: Tokenizer = DEFAULT_TOKENIZER
) -> FloatArray:
    """`ngram_entropy` of each prompt's texts, shape (prompts,), NaN where undefined."""
    return entropy(encode(groups, tokenizer), n)


def entropy(corpus: Corpus, n: int) -> FloatArray:
    """The entropy of each prompt's n-gram frequencies f: ln N - (sum of f ln f) / N."""
    table, totals = corpus.table(n), gram_totals(corpus, n)
    weighted = table.totals * np.log(table.totals)
    sums = np.bincount(gram_prompts(corpus, table), weighted, corpus.n_prompts)
    logs = np.log(np.maximum(1, totals))
    return defined(corpus, np.maximum(0, logs - divided(sums.astype(np.float64), totals)))


def self_repetition(
    texts: Sequence[str], n: int = 4, *, tokenizer: Tokenizer = DEFAULT_TOKENIZER
) -> float:
    """Mean over texts of ln(1 + how often its n-grams return in other texts); 0: never.

    For each different n-gram of a text, the number of other texts with it is summed.
    Higher is less diverse. Source: Salkar 2022, as in Shaib 2024 (arXiv 2403.00553).
    """
    return float(per_prompt_self_repetition([texts], n, tokenizer=tokenizer)[0])


def per_prompt_self_repetition(
    groups: Groups, n: int = 4, *, tokenizer: Tokenizer = DEFAULT_TOKENIZER
) -> FloatArray:
    """`self_repetition` of each prompt's texts, shape (prompts,), NaN where undefined."""
    return repetition(encode(groups, tokenizer), n)


def repetition(corpus: Corpus, n: int = 4) -> FloatArray:
    """Each prompt's self-repetition."""
    table = corpus.table(n)
    others = (table.texts_with - 1)[table.grams]
    returns = table.text_sums(others, corpus.lengths.size)
    return np.where(gram_totals(corpus, n) > 0, prompt_means(corpus, np.log1p(returns)), np.nan)


def duplicate_rate(texts: Sequence[str]) -> float:
    """The share of texts that repeat an earlier one, case and whitespace aside, in [0, 1)."""
    return float(per_prompt_duplicate_rate([texts])[0])


def per_prompt_duplicate_rate(groups: Groups) -> FloatArray:
    """`duplicate_rate` of each prompt's texts, shape (prompts,), NaN where k < 2."""
    return np.array([repeat_share([folded(text) for text in group]) for group in groups], float)


def duplicates(corpus: Corpus) -> FloatArray:
    """Each prompt's duplicate rate."""
    texts = [folded(text) for text in corpus.texts]
    return np.array([repeat_share(texts[group]) for group in corpus.prompt_slices()], float)


def repeat_share(texts: Sequence[str]) -> float:
    """The share of texts that equal an earlier one; NaN for fewer than 2."""
    return 1 - len(set(texts)) / len(texts) if len(texts) > 1 else math.nan


def compression_ratio(texts: Sequence[str]) -> float:
    """Bytes over xz-compressed bytes of the texts, one a line; higher: more repetitive.

    Descriptive only: it depends on the amount of text. NaN for fewer than 2 texts or none
    that has characters.
    """
    data = "\n".join(nfc(text) for text in texts).encode("utf-8", "surrogatepass")
    if len(texts) < 2 or not any(texts):
        return math.nan
    return len(data) / len(lzma.compress(data))


def different_grams(corpus: Corpus, n: int) -> FloatArray:
    """How many different n-grams each prompt has, (P,): those that occur once, and the table's."""
    table = corpus.table(n)
    repeats = table.text_sums(table.counts, corpus.lengths.size)
    tabled = np.bincount(gram_prompts(corpus, table), minlength=corpus.n_prompts)
    return corpus.prompt_sums(corpus.gram_counts(n) - repeats) + tabled


def gram_totals(corpus: Corpus, n: int) -> FloatArray:
    """How many n-grams each prompt has, (P,)."""
    return corpus.prompt_sums(corpus.gram_counts(n))


def gram_prompts(corpus: Corpus, table: GramTable) -> IntArray:
    """The prompt of each of the table's grams, (G,)."""
    return corpus.prompts[table.documents[table.first]]


def prompt_means(corpus: Corpus, values: FloatArray) -> FloatArray:
    """The mean over each prompt's texts of one value a text (D,); NaN where k < 2."""
    return defined(corpus, divided(corpus.prompt_sums(values), corpus.k))


def defined(corpus: Corpus, values: FloatArray) -> FloatArray:
    """The values (P,) with NaN where a prompt has fewer than 2 texts."""
    return np.where(corpus.k >= 2, values, np.nan)


def divided(above: FloatArray, below: npt.ArrayLike) -> FloatArray:
    """Elementwise above / below, NaN over 0."""
    divisor = np.asarray(below, dtype=np.float64)
    quotients = np.full(above.shape, np.nan)
    np.divide(above, divisor, out=quotients, where=divisor > 0)
    return quotients
