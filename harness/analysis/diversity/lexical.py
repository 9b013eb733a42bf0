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

from harness.analysis.diversity.ngrams import Grams, count_table, ngrams
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    FloatArray,
    Groups,
    IntArray,
    encode,
    folded,
    nfc,
)

LITERATURE_VOCABULARY = 50257


def distinct_n(texts: Sequence[str], n: int, *, tokenizer: str = DEFAULT_TOKENIZER) -> float:
    """Different n-grams over all n-grams of a set of texts, in (0, 1]; 1: none repeats.

    Falls with the length and number of the texts: compare at equal k and length
    (`matched`). Source: Li 2016.
    """
    return float(per_prompt_distinct_n([texts], n, tokenizer=tokenizer)[0])


def per_prompt_distinct_n(
    groups: Groups, n: int, *, tokenizer: str = DEFAULT_TOKENIZER
) -> FloatArray:
    """`distinct_n` of each prompt's texts, shape (prompts,), NaN where undefined."""
    return distinct(encode(groups, tokenizer), n)


def distinct(corpus: Corpus, n: int) -> FloatArray:
    """Different over all n-grams of each prompt."""
    grams = ngrams(corpus, n)
    different = distinct_counts(corpus, grams)
    return defined(corpus, divided(different, gram_totals(corpus, grams)))


def expected_distinct_n(
    texts: Sequence[str],
    n: int,
    *,
    vocabulary: int = LITERATURE_VOCABULARY,
    tokenizer: str = DEFAULT_TOKENIZER,
) -> float:
    """Expectation-adjusted distinct-n: N different over those expected of C random draws.

    N / (V (1 - ((V-1)/V)^C)) with V = ``vocabulary``. With V much larger than C it hardly
    differs from distinct-n, and does not remove the effect of length. Source: Liu 2022.
    """
    corpus = encode([texts], tokenizer)
    grams = ngrams(corpus, n)
    expected = vocabulary * -math.expm1(grams.ids.size * math.log1p(-1 / vocabulary))
    values = divided(distinct_counts(corpus, grams), np.array([expected]))
    return float(defined(corpus, values)[0])


def ngram_entropy(texts: Sequence[str], n: int, *, tokenizer: str = DEFAULT_TOKENIZER) -> float:
    """The entropy of the n-gram frequencies of a set of texts, in nats."""
    return float(per_prompt_ngram_entropy([texts], n, tokenizer=tokenizer)[0])


def per_prompt_ngram_entropy(
    groups: Groups, n: int, *, tokenizer: str = DEFAULT_TOKENIZER
) -> FloatArray:
    """`ngram_entropy` of each prompt's texts, shape (prompts,), NaN where undefined."""
    corpus = encode(groups, tokenizer)
    grams = ngrams(corpus, n)
    totals = gram_totals(corpus, grams)
    counts = np.bincount(grams.ids, minlength=grams.size)[grams.ids]
    surprise = np.log(totals[corpus.prompts[grams.documents]] / counts)
    return defined(corpus, divided(prompt_sums(corpus, grams.documents, surprise), totals))


def self_repetition(
    texts: Sequence[str], n: int = 4, *, tokenizer: str = DEFAULT_TOKENIZER
) -> float:
    """Mean over texts of ln(1 + how often its n-grams return in other texts); 0: never.

    For each different n-gram of a text, the number of other texts with it is summed.
    Higher is less diverse. Source: Salkar 2022, as in Shaib 2024 (arXiv 2403.00553).
    """
    return float(per_prompt_self_repetition([texts], n, tokenizer=tokenizer)[0])


def per_prompt_self_repetition(
    groups: Groups, n: int = 4, *, tokenizer: str = DEFAULT_TOKENIZER
) -> FloatArray:
    """`self_repetition` of each prompt's texts, shape (prompts,), NaN where undefined."""
    corpus = encode(groups, tokenizer)
    grams = ngrams(corpus, n)
    table = count_table(grams.documents, grams.ids, max(1, len(corpus.texts)))
    others = np.bincount(table.grams, minlength=grams.size) - 1
    returns = np.bincount(table.documents, weights=others[table.grams], minlength=len(corpus.texts))
    values = prompt_means(corpus, np.log1p(returns))
    return np.where(gram_totals(corpus, grams) > 0, values, np.nan)


def duplicate_rate(texts: Sequence[str]) -> float:
    """The share of texts that repeat an earlier one, case and whitespace aside, in [0, 1)."""
    return float(per_prompt_duplicate_rate([texts])[0])


def per_prompt_duplicate_rate(groups: Groups) -> FloatArray:
    """`duplicate_rate` of each prompt's texts, shape (prompts,), NaN where k < 2."""
    rates = [
        1 - len({folded(text) for text in group}) / len(group) if len(group) > 1 else math.nan
        for group in groups
    ]
    return np.array(rates, dtype=np.float64)


def compression_ratio(texts: Sequence[str]) -> float:
    """Bytes over xz-compressed bytes of the texts, one a line; higher: more repetitive.

    Descriptive only: it depends on the amount of text. NaN for fewer than 2 texts or none
    that has characters.
    """
    data = "\n".join(nfc(text) for text in texts).encode("utf-8", "surrogatepass")
    if len(texts) < 2 or not any(texts):
        return math.nan
    return len(data) / len(lzma.compress(data))


def distinct_counts(corpus: Corpus, grams: Grams) -> FloatArray:
    """How many different grams each prompt has, (P,)."""
    prompt_of_gram = np.full(grams.size, corpus.n_prompts)
    prompt_of_gram[grams.ids] = corpus.prompts[grams.documents]
    counts = np.bincount(prompt_of_gram, minlength=corpus.n_prompts + 1)
    return counts[: corpus.n_prompts].astype(np.float64)


def gram_totals(corpus: Corpus, grams: Grams) -> FloatArray:
    """How many grams each prompt has, (P,)."""
    prompts = corpus.prompts[grams.documents]
    return np.bincount(prompts, minlength=corpus.n_prompts).astype(np.float64)


def prompt_sums(corpus: Corpus, documents: IntArray, values: FloatArray) -> FloatArray:
    """The sum of each prompt's values, (P,); ``documents`` says each value's text."""
    prompts = corpus.prompts[documents]
    return np.bincount(prompts, weights=values, minlength=corpus.n_prompts).astype(np.float64)


def prompt_means(corpus: Corpus, values: FloatArray) -> FloatArray:
    """The mean over each prompt's texts of one value a text (D,); NaN where k < 2."""
    sums = prompt_sums(corpus, np.arange(values.size), values)
    return defined(corpus, divided(sums, corpus.k))


def defined(corpus: Corpus, values: FloatArray) -> FloatArray:
    """The values (P,) with NaN where a prompt has fewer than 2 texts."""
    return np.where(corpus.k >= 2, values, np.nan)


def divided(above: FloatArray, below: npt.ArrayLike) -> FloatArray:
    """Elementwise above / below, NaN over 0."""
    divisor = np.asarray(below, dtype=np.float64)
    quotients = np.full(above.shape, np.nan)
    np.divide(above, divisor, out=quotients, where=divisor > 0)
    return quotients
