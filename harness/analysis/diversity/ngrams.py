"""All n-grams of a stream in order, by exact pairing of shorter ones, never by hashing.

For what needs the place of every gram; the metrics read `gramtable.GramTable`. No gram crosses
the end of a text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.analysis.diversity.gramtable import numbered
from harness.analysis.diversity.tokens import Corpus, IntArray


@dataclass(frozen=True, slots=True)
class Grams:
    """All M n-grams of a stream in order: the text of each (M,) and its id below ``size`` (M,)."""

    documents: IntArray
    ids: IntArray
    size: int


@dataclass(frozen=True, slots=True)
class CountTable:
    """How often each gram occurs in each text: one row a pair, sorted by gram, then text."""

    grams: IntArray
    documents: IntArray
    counts: IntArray


def ngrams(corpus: Corpus, n: int) -> Grams:
    """The n-grams of every text.

    Raises:
        ValueError: n < 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}; an n-gram has at least one token")
    return widened(corpus.ids, corpus.size, corpus.lengths, n)


def widened(ids: IntArray, size: int, lengths: IntArray, n: int) -> Grams:
    """The n-grams of a stream of tokens, by pairing overlapping grams of doubling width."""
    left = tokens_left(lengths)
    starts, width = np.arange(ids.size), 1
    while width < n:
        step = min(width, n - width)
        starts = np.flatnonzero(left >= width + step)
        codes, size = numbered(ids[starts] * size + ids[starts + step])
        ids = ids.copy()
        ids[starts] = codes
        width += step
    return Grams(text_of_token(lengths)[starts], ids[starts], size)


def count_table(documents: IntArray, grams: IntArray, n_documents: int) -> CountTable:
    """Count each (gram, text) pair."""
    bits = n_documents.bit_length()  # shifts, because dividing takes longer than sorting
    keys = np.sort((grams << bits) | documents)
    starts = group_starts(keys)
    pairs = keys[starts]
    counts = np.diff(starts, append=keys.size)
    return CountTable(pairs >> bits, pairs & ((1 << bits) - 1), counts)


def distinct_sorted(keys: IntArray) -> IntArray:
    """The different keys in order."""
    ordered = np.sort(keys)
    return ordered[group_starts(ordered)]


def group_starts(keys: IntArray) -> npt.NDArray[np.intp]:
    """Where a new key begins in sorted keys."""
    new = np.ones(keys.size, dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    return np.flatnonzero(new)


def text_of_token(lengths: IntArray) -> IntArray:
    """The text that each token of a stream belongs to, (T,)."""
    return np.repeat(np.arange(lengths.size), lengths)


def tokens_left(lengths: IntArray) -> IntArray:
    """How many tokens of its text remain at each position, itself included, (T,)."""
    return np.repeat(np.cumsum(lengths), lengths) - np.arange(int(lengths.sum()))
