"""How far apart vectors point: the Vendi score and the mean pairwise cosine of embeddings.

A vector of zeros has no direction. It is reported, never scored: a set that holds one raises
an error that names its row, and per prompt such sets are NaN and counted by `zero_rows`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from harness.analysis.diversity.tokens import FloatArray, IntArray
from harness.analysis.diversity.vendi import effective_number, effective_of_shares
from harness.blas import one_thread

Vectors = npt.ArrayLike
"""The vectors of one set, one a row, shape (n, d)."""


def vector_vendi(vectors: Vectors, *, q: float = 1) -> float:
    """The effective number of different directions among the rows, from 1 to n.

    From the smaller of the n x n and d x d Gram matrices; q = 2 without eigenvalues. NaN for
    fewer than 2 rows. Source: Friedman, Dieng 2023.

    Raises:
        ValueError: a row of zeros, or of what is no number, or an array that is not (n, d).
    """
    rows, scales = scorable(vectors)
    n, d = rows.shape
    if n < 2:
        return math.nan
    rows = rows * scales[:, None]
    with one_thread:
        if n <= d:
            kernel = rows @ rows.T
            np.fill_diagonal(kernel, 1.0)
            return float(effective_number(kernel, q))
        gram = rows.T @ rows
        if q == 2:
            return float(n * n / (gram**2).sum())
        return float(effective_of_shares(np.linalg.eigvalsh(gram) / n, q))


def mean_pairwise_cosine(vectors: Vectors) -> float:
    """The mean cosine over all pairs of rows; 1 - it is their diversity.

    Meant for embeddings: on term counts it moved the wrong way in a simulated collapse.
    From the norm of the sum, without any pair. NaN for fewer than 2 rows.

    Raises:
        ValueError: a row of zeros, or of what is no number, or an array that is not (n, d).
    """
    rows, scales = scorable(vectors)
    n = len(rows)
    if n < 2:
        return math.nan
    with one_thread:
        total = scales @ rows
        return float((total @ total - n) / (n * (n - 1)))


def per_prompt_vector_vendi(groups: Sequence[Vectors], *, q: float = 1) -> FloatArray:
    """`vector_vendi` of each prompt's vectors, (prompts,), NaN where undefined."""
    return per_prompt(groups, lambda vectors: vector_vendi(vectors, q=q))


def per_prompt_mean_pairwise_cosine(groups: Sequence[Vectors]) -> FloatArray:
    """`mean_pairwise_cosine` of each prompt's vectors, (prompts,), NaN where undefined."""
    return per_prompt(groups, mean_pairwise_cosine)


def per_prompt(groups: Sequence[Vectors], metric: Callable[[Vectors], float]) -> FloatArray:
    """A metric of each prompt's vectors, NaN where one has no direction."""
    without = zero_rows(groups)
    scores = [
        math.nan if zeros or not len(rows_of(vectors)) else metric(vectors)
        for vectors, zeros in zip(groups, without.tolist(), strict=True)
    ]
    return np.array(scores, dtype=np.float64)


def zero_rows(groups: Sequence[Vectors]) -> IntArray:
    """How many vectors of each prompt are zero, (prompts,): what NaN hides."""
    return np.array([int((~rows_of(group).any(axis=1)).sum()) for group in groups], dtype=np.int64)


def scorable(vectors: Vectors) -> tuple[FloatArray, FloatArray]:
    """The rows (n, d), and what to multiply each with to make it 1 long (n,)."""
    rows = rows_of(vectors)
    squares = np.einsum("ij,ij->i", rows, rows)
    if not ((squares > TINY) & (squares < 1 / TINY)).all():
        rows = checked_rows(rows)
        squares = np.einsum("ij,ij->i", rows, rows)
    return rows, 1 / np.sqrt(squares)


def checked_rows(rows: FloatArray) -> FloatArray:
    """The rows with 1 as the largest number of each; errors for those that have no direction."""
    if not np.isfinite(rows).all():
        raise ValueError(f"row {first(~np.isfinite(rows).all(axis=1))} holds NaN or infinity")
    largest: FloatArray = np.abs(rows).max(axis=1, initial=0.0)
    if not largest.all():
        raise ValueError(f"row {first(largest == 0)} is all zeros and has no direction; drop it")
    return np.asarray(rows / largest[:, None])


TINY = 1e-200
"""Squares of lengths below this may be rounded to nothing though the vector has a direction."""


def rows_of(vectors: Vectors) -> FloatArray:
    """The vectors as an array (n, d)."""
    rows = np.asarray(vectors, dtype=np.float64)
    if rows.size == 0 and rows.ndim < 2:
        return rows.reshape(0, 0)
    if rows.ndim != 2:
        raise ValueError(f"vectors of shape {rows.shape}; give one row a text, shape (n, d)")
    return rows


def first(marks: npt.ArrayLike) -> int:
    """The index of the first mark."""
    return int(np.flatnonzero(marks)[0])
