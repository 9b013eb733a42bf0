"""The Vendi score: the effective number of different texts, from pairwise similarities.

By one BLAS thread: the last digits must not depend on how many cores a machine has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    FloatArray,
    Groups,
    Tokenizer,
    encode,
)
from harness.blas import one_thread

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SMALL_K = 64  # texts: up to here the prompts are multiplied all at once
COMMON = 24  # a column that one text in so many has is multiplied faster as a dense one
KERNEL_VALUES = 1 << 24  # of float64 held at once where prompts, or rows, can be taken in portions


def vendi(
    texts: Sequence[str], *, q: float = 1, max_n: int = 1, tokenizer: Tokenizer = DEFAULT_TOKENIZER
) -> float:
    """The effective number of different texts, from 1 (all alike) to n (nothing in common).

    exp of the order-q entropy of the eigenvalues of K / n, where K holds the cosines of the
    texts' n-gram counts, averaged over the orders 1..``max_n``. NaN for fewer than 2 texts,
    or where a text has no gram of an order: it has no direction to compare.
    Source: Friedman, Dieng 2023; order q: Pasarkar, Dieng 2024.
    """
    return float(per_prompt_vendi([texts], q=q, max_n=max_n, tokenizer=tokenizer)[0])


def per_prompt_vendi(
    groups: Groups, *, q: float = 1, max_n: int = 1, tokenizer: Tokenizer = DEFAULT_TOKENIZER
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
    vectors = unit_vectors(corpus, max_n)
    if q == 2:
        return np.where(scorable, effective_of_order_2(corpus, vectors), np.nan)
    firsts = np.cumsum(corpus.k) - corpus.k
    for k in np.unique(corpus.k[scorable]).tolist():
        prompts = np.flatnonzero(scorable & (corpus.k == k))
        if k <= SMALL_K:
            scores[prompts] = effective_number(small_kernels(vectors, firsts[prompts], k), q)
        else:
            for prompt in prompts.tolist():
                rows = vectors[firsts[prompt] : firsts[prompt] + k]
                scores[prompt] = effective_number(kernel(rows), q)
    return scores


def unit_vectors(corpus: Corpus, max_n: int) -> csr_array:
    """The texts as vectors whose products are their cosines, averaged over the orders, (D, .).

    Grams that a single text has count in its length, but have no column: they add nothing to
    the product of two texts.
    """
    from scipy.sparse import csr_array, hstack

    size, parts = corpus.lengths.size, []
    for n in range(1, max_n + 1):
        table = corpus.table(n)
        once = corpus.gram_counts(n) - table.text_sums(table.counts, size)
        squares = once + table.text_sums(table.counts.astype(np.int64) ** 2, size)
        shared = (table.texts_with > 1)[table.grams]
        documents = table.documents[shared]
        values = table.counts[shared] / np.sqrt(max_n * squares[documents])
        columns = (np.cumsum(table.texts_with > 1) - 1)[table.grams[shared]]
        shape = (size, int((table.texts_with > 1).sum()))
        parts.append(csr_array((values, (documents, columns)), shape=shape))
    return hstack(parts, format="csr")


def small_kernels(vectors: csr_array, firsts: npt.NDArray[np.int64], k: int) -> FloatArray:
    """The cosines within each of some prompts that have k texts, (prompts, k, k)."""
    diagonal = np.arange(k)
    rows = vectors[(firsts[:, None] + diagonal).ravel()]
    place = (rows @ rows.T).tocoo()
    found = np.zeros((firsts.size, k, k))
    found[place.row // k, place.row % k, place.col % k] = place.data
    found[:, diagonal, diagonal] = 1.0
    return found


def kernel(vectors: csr_array) -> FloatArray:
    """The cosines of k texts, (k, k): common columns by dense algebra, rare ones by sparse."""
    k, columns = vectors.shape
    common = np.bincount(vectors.indices, minlength=columns) * COMMON > k
    by_column = vectors.tocsc()
    dense = by_column[:, np.flatnonzero(common)].toarray()
    rare = by_column[:, np.flatnonzero(~common)].tocsr()
    with one_thread:
        cosines: FloatArray = dense @ dense.T
    cosines += (rare @ rare.T).toarray()
    np.fill_diagonal(cosines, 1.0)
    return cosines


def effective_of_order_2(corpus: Corpus, vectors: csr_array) -> FloatArray:
    """n^2 over the sum of all squared cosines, each prompt; rows in portions, to bound memory."""
    sums = np.zeros(corpus.n_prompts)
    step = max(1, KERNEL_VALUES // int(corpus.k.max()))
    transposed = vectors.T.tocsr()
    for start in range(0, vectors.shape[0], step):
        place = (vectors[start : start + step] @ transposed).tocoo()
        squares = np.where(place.row + start == place.col, 0.0, place.data**2)
        rows = corpus.prompts[start + place.row]
        sums += np.bincount(rows, squares, corpus.n_prompts)
    return np.asarray(corpus.k**2 / np.maximum(1, sums + corpus.k))


def effective_number(kernel: FloatArray, q: float = 1) -> FloatArray:
    """The Vendi score of each kernel, shape (..., n, n) -> (...); K_ii must be 1.

    Raises:
        ValueError: q < 0.
    """
    n = kernel.shape[-1]
    if q == 2:
        return np.asarray(n * n / (kernel**2).sum(axis=(-2, -1)))
    with one_thread:
        shares = np.linalg.eigvalsh(kernel) / n
    return effective_of_shares(shares, q)


def effective_of_shares(shares: FloatArray, q: float) -> FloatArray:
    """exp of the order-q entropy of shares that sum to 1, shape (..., n) -> (...)."""
    if not q >= 0:
        raise ValueError(f"q is {q}; the order of an entropy is 0 or more")
    noise = shares.shape[-1] * np.finfo(np.float64).eps
    shares = np.where(shares > noise, shares, 0.0)
    if q == 1:
        logs = np.log(np.where(shares > 0, shares, 1.0))
        return np.asarray(np.exp(-(shares * logs).sum(axis=-1)))
    if q == math.inf:
        return np.asarray(1 / shares.max(axis=-1))
    powers = np.where(shares > 0, shares**q, 0.0)
    return np.asarray(powers.sum(axis=-1) ** (1 / (1 - q)))
