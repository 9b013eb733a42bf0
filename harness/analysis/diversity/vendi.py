"""The Vendi score: the effective number of different texts, from pairwise similarities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.analysis.diversity.ngrams import count_table, ngrams
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    FloatArray,
    Groups,
    encode,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def vendi(
    texts: Sequence[str], *, q: float = 1, max_n: int = 1, tokenizer: str = DEFAULT_TOKENIZER
) -> float:
    """The effective number of different texts, from 1 (all alike) to n (nothing in common).

    exp of the order-q entropy of the eigenvalues of K / n, where K holds the cosines of the
    texts' n-gram counts, averaged over the orders 1..``max_n``. NaN for fewer than 2 texts,
    or where a text has no gram of an order: it has no direction to compare.
    Source: Friedman, Dieng 2023; order q: Pasarkar, Dieng 2024.
    """
    return float(per_prompt_vendi([texts], q=q, max_n=max_n, tokenizer=tokenizer)[0])


def per_prompt_vendi(
    groups: Groups, *, q: float = 1, max_n: int = 1, tokenizer: str = DEFAULT_TOKENIZER
) -> FloatArray:
    """`vendi` of each prompt's texts, shape (prompts,), NaN where undefined."""
    return mean_vendi(encode(groups, tokenizer), q, max_n)


def mean_vendi(corpus: Corpus, q: float = 1, max_n: int = 1) -> FloatArray:
    """Each prompt's Vendi score, (P,); prompts of equal k are solved together."""
    scores = np.full(corpus.n_prompts, np.nan)
    scorable = corpus.k >= 2
    scorable[corpus.prompts[corpus.lengths < max_n]] = False
    if not scorable.any():
        return scores
    similarities = sum_of_cosines(corpus, max_n) / max_n
    for k in np.unique(corpus.k[scorable]):
        prompts = np.flatnonzero(scorable & (corpus.k == k))
        scores[prompts] = effective_number(blocks(similarities, corpus, prompts, int(k)), q)
    return scores


def sum_of_cosines(corpus: Corpus, max_n: int) -> csr_array:
    """Cosines of n-gram counts between texts of one prompt, summed over the orders, (D, D).

    Grams that a single text has add nothing off the diagonal and are left out.
    """
    from scipy.sparse import csr_array

    size = len(corpus.texts)
    total = csr_array((size, size))
    for n in range(1, max_n + 1):
        grams = ngrams(corpus, n)
        table = count_table(grams.documents, grams.ids, size)
        norms = np.sqrt(np.bincount(table.documents, table.counts**2.0, size))
        shared = np.bincount(table.grams, minlength=grams.size)[table.grams] > 1
        documents, columns = table.documents[shared], table.grams[shared]
        weights = table.counts[shared] / norms[documents]
        vectors = csr_array((weights, (documents, columns)), shape=(size, grams.size))
        total = total + vectors @ vectors.T
    return total


def blocks(
    similarities: csr_array, corpus: Corpus, prompts: npt.NDArray[np.intp], k: int
) -> FloatArray:
    """The similarities within each of some prompts that have k texts, (prompts, k, k)."""
    rows = np.searchsorted(corpus.prompts, prompts)[:, None] + np.arange(k)
    place = similarities[rows.ravel()].tocoo()
    kernel = np.zeros((prompts.size, k, k))
    kernel[place.row // k, place.row % k, place.col - rows[place.row // k, 0]] = place.data
    kernel[:, np.arange(k), np.arange(k)] = 1.0
    return kernel


def effective_number(kernel: FloatArray, q: float = 1) -> FloatArray:
    """The Vendi score of each kernel, shape (..., n, n) -> (...); K_ii must be 1."""
    n = kernel.shape[-1]
    if q == 2:
        return np.asarray(n * n / (kernel**2).sum(axis=(-2, -1)))
    shares = np.clip(np.linalg.eigvalsh(kernel / n), 0.0, None)
    if q == 1:
        logs = np.log(np.where(shares > 0, shares, 1.0))
        return np.asarray(np.exp(-(shares * logs).sum(axis=-1)))
    return np.asarray((shares**q).sum(axis=-1) ** (1 / (1 - q)))


def mean_pairwise_cosine(vectors: npt.ArrayLike) -> float:
    """The mean cosine over all pairs of rows of an (n, d) array; 1 - it is their diversity.

    Meant for embeddings: on term counts it moved the wrong way in a simulated collapse.
    From the norm of the sum, without any pair. NaN for fewer than 2 rows.

    Raises:
        ValueError: a row of zeros, which has no direction.
    """
    rows = np.asarray(vectors, dtype=np.float64)
    norms = np.linalg.norm(rows, axis=1)
    if (norms == 0).any():
        raise ValueError(f"row {int(norms.argmin())} is all zeros and has no direction; drop it")
    n = len(rows)
    if n < 2:
        return math.nan
    total = (rows / norms[:, None]).sum(axis=0)
    return float((total @ total - n) / (n * (n - 1)))
