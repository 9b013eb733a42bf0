"""Rarefaction: how many different n-grams a smaller sample of the same texts would show.

An alternative to cutting texts to one length. It takes n-grams as a bag: drawn one by one
without replacement, not text by text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.analysis.diversity.lexical import defined, divided, gram_prompts, gram_totals
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    FloatArray,
    Groups,
    IntArray,
    Tokenizer,
    encode,
)


def rarefied_distinct_n(
    texts: Sequence[str], n: int, draws: int, *, tokenizer: Tokenizer = DEFAULT_TOKENIZER
) -> float:
    """Expected different n-grams among ``draws`` of a set's, over ``draws``, in (0, 1].

    Exact: E[D_m] = sum over grams of 1 - C(N - f, m) / C(N, m), for m draws of N grams of which
    one occurs f times. At all N draws it is distinct-n; NaN for more, or fewer than 2 texts.
    Two sets compare at equal draws: see `common_draws`. Source: Hurlbert 1971.

    Raises:
        ValueError: draws < 1 or n < 1.
    """
    return float(per_prompt_rarefied_distinct_n([texts], n, draws, tokenizer=tokenizer)[0])


def per_prompt_rarefied_distinct_n(
    groups: Groups,
    n: int,
    draws: int | Sequence[int] | IntArray,
    *,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
) -> FloatArray:
    """`rarefied_distinct_n` of each prompt's texts, (prompts,); draws may differ by prompt."""
    return rarefied(encode(groups, tokenizer), n, draws)


def common_draws(first: Corpus, second: Corpus, n: int) -> IntArray:
    """The n-grams that both of two models have of each prompt, (P,): draws to compare them at."""
    return np.minimum(gram_totals(first, n), gram_totals(second, n)).astype(np.int64)


def rarefied(corpus: Corpus, n: int, draws: int | Sequence[int] | IntArray) -> FloatArray:
    """Expected different over drawn n-grams of each prompt, (P,); 0 draws are NaN."""
    wanted = np.broadcast_to(np.asarray(draws, dtype=np.int64), (corpus.n_prompts,))
    if np.ndim(draws) == 0 and int(np.asarray(draws)) < 1:
        raise ValueError(f"draws is {int(np.asarray(draws))}; draw at least one n-gram")
    return defined(corpus, divided(expected_different(corpus, n, wanted), wanted))


def expected_different(corpus: Corpus, n: int, draws: IntArray) -> FloatArray:
    """E[D_m] of each prompt, (P,); NaN where m is more than it has."""
    table, totals = corpus.table(n), gram_totals(corpus, n)
    prompts = gram_prompts(corpus, table)
    repeats = np.bincount(prompts, table.totals, corpus.n_prompts)
    expected = divided((totals - repeats) * draws, totals)  # grams that occur once
    order = np.argsort(prompts, kind="stable")
    frequencies = np.split(
        table.totals[order], np.cumsum(np.bincount(prompts, minlength=corpus.n_prompts))[:-1]
    )
    for prompt, own in enumerate(frequencies):
        if own.size:
            missed = missing_chances(int(totals[prompt]), int(draws[prompt]), int(own.max()))
            expected[prompt] += (1 - missed[own]).sum()
    return np.where((draws > 0) & (draws <= totals), expected, np.nan)


def missing_chances(total: int, draws: int, most: int) -> FloatArray:
    """The chance that m draws of N miss a gram that occurs f times, for f = 0..``most``.

    C(N - f, m) / C(N, m) is the product over i < f of (N - m - i) / (N - i).
    """
    i = np.arange(most, dtype=np.float64)
    factors = np.maximum(0.0, total - draws - i) / (total - i)
    return np.concatenate([[1.0], np.cumprod(factors)])
