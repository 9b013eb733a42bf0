"""One (prompt, text, gram) table of integers from which every n-gram metric derives.

No gram crosses the end of a text. Equal grams get equal ids by exact pairing of shorter
ones (an n-gram is two overlapping shorter grams), never by hashing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]
ABSENT = -1


@dataclass(frozen=True, slots=True)
class GramTable:
    """The n-grams that occur at least twice among the texts of their prompt, and where.

    All other n-grams occur once, so that their number says everything about them: the table
    is short, and its longer grams are found among its own only. One row for each (gram, text)
    pair, sorted by gram, then text: ``grams`` (R,) below G, ``documents`` (R,) and ``counts``
    (R,). Grams of different prompts are different. ``first`` (G,) is each gram's first row.
    ``at`` (T,) is the gram that starts at each token, ABSENT where none does or it occurs once;
    ``places`` are the tokens where grams start, sorted by gram, then place.
    """

    n: int
    places: Int32Array
    at: Int32Array
    grams: Int32Array
    documents: Int32Array
    counts: Int32Array
    first: IntArray

    @property
    def size(self) -> int:
        """The number of different grams, G."""
        return self.first.size

    @property
    def texts_with(self) -> IntArray:
        """The number of texts that have each gram, (G,)."""
        return np.diff(self.first, append=self.grams.size)

    @property
    def totals(self) -> IntArray:
        """How often each gram occurs, (G,)."""
        return np.bincount(self.grams, self.counts, self.size).astype(np.int64)

    def text_sums(self, values: npt.ArrayLike, n_documents: int) -> npt.NDArray[np.float64]:
        """The sum over each text's rows of one value a row, (D,)."""
        return np.bincount(self.documents, np.asarray(values), n_documents).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Stream:
    """T tokens, with the text of each and whether it is its text's last, (T,) each."""

    texts: Int32Array
    last: BoolArray

    @classmethod
    def of(cls, lengths: IntArray) -> Stream:
        """The tokens of texts of these lengths."""
        texts = np.repeat(np.arange(lengths.size, dtype=np.int32), lengths)
        last = np.zeros(texts.size, dtype=bool)
        last[np.cumsum(lengths)[lengths > 0] - 1] = True
        return cls(texts, last)


def token_table(ids: Int32Array, size: int, prompts: Int32Array, stream: Stream) -> GramTable:
    """The table of single tokens: ``ids`` (T,) below ``size``, ``prompts`` (D,) of the texts."""
    by_id = sorted_places(ids, size)
    starts = by_id.order.astype(np.int32)
    if not prompts.any():
        return grouped(1, starts, by_id.new, stream)
    left = prompts[stream.texts[starts]]
    return tabulated(1, starts, Pairs(left, ids[starts], int(prompts.max()) + 1), stream)


def longer_table(table: GramTable, stream: Stream) -> GramTable:
    """The table of grams one token longer.

    A gram that occurs twice begins and ends with shorter ones that do. Sorted by what they end
    with they are there already: as the shorter table's places.
    """
    starts = table.places - np.int32(1)
    left = table.at[starts]  # at the last token for a start of -1, which `last` excludes too
    is_whole = left != ABSENT
    if table.n == 1:  # from 2 on no gram starts at a text's last token
        is_whole &= ~stream.last[starts]
    whole = np.flatnonzero(is_whole)  # picking by place is three times as fast as by mask
    starts = starts[whole]
    pairs = Pairs(left[whole], table.at[starts + np.int32(1)], max(1, table.size))
    return tabulated(table.n + 1, starts, pairs, stream)


@dataclass(frozen=True, slots=True)
class Pairs:
    """M pairs of integers in order of the right ones; the left ones are below ``n_left``."""

    left: Int32Array
    right: Int32Array
    n_left: int


def tabulated(n: int, starts: Int32Array, pairs: Pairs, stream: Stream) -> GramTable:
    """The table of grams that start at ``starts`` (M,); equal pairs are equal grams.

    Where the right ones of the pairs are equal the starts must be in order.
    """
    by_left = sorted_places(pairs.left, pairs.n_left)
    new = by_left.new | changes(pairs.right[by_left.order])
    return grouped(n, starts[by_left.order], new, stream)


def grouped(n: int, starts: Int32Array, new: BoolArray, stream: Stream) -> GramTable:
    """The table of grams at ``starts`` (M,), which are sorted by gram; ``new`` where one begins."""
    several = np.flatnonzero(~(new & np.append(new[1:], True)))
    new, places = new[several], starts[several]
    at = np.full(stream.texts.size, ABSENT, dtype=np.int32)
    at[places] = grams = np.cumsum(new, dtype=np.int32) - np.int32(1)
    documents = stream.texts[places]
    rows = np.flatnonzero(new | changes(documents))
    return GramTable(
        n=n,
        places=places,
        at=at,
        grams=grams[rows],
        documents=documents[rows],
        counts=np.diff(rows, append=places.size).astype(np.int32),
        first=np.flatnonzero(new[rows]),
    )


@dataclass(frozen=True, slots=True)
class SortedPlaces:
    """The places of M codes in order of the codes, then of place; and where a new code begins."""

    order: IntArray
    new: BoolArray


def sorted_places(codes: Int32Array, size: int) -> SortedPlaces:
    """The places of codes below ``size`` sorted, in linear time.

    Making rows of a sparse matrix is a counting sort: a tenth of the time of sorting.
    """
    from scipy.sparse import csr_array

    places = np.arange(codes.size, dtype=np.int32)
    new = np.zeros(codes.size + 1, dtype=bool)
    if size == 1 or not codes.size:
        new[0] = True
        return SortedPlaces(places.astype(np.int64), new[:-1])
    marks = np.ones(codes.size, dtype=np.int8)
    rows = csr_array((marks, (codes, places)), shape=(size, codes.size))
    new[rows.indptr] = True
    return SortedPlaces(np.asarray(rows.indices, dtype=np.int64), new[:-1])


def changes(values: Int32Array) -> BoolArray:
    """Whether each value differs from the one before it; the first does."""
    new = np.ones(values.size, dtype=bool)
    np.not_equal(values[1:], values[:-1], out=new[1:])
    return new


def numbered(keys: npt.NDArray[np.int64] | npt.NDArray[np.uint64]) -> tuple[IntArray, int]:
    """The keys renumbered from 0, and how many different ones there are (at least 1)."""
    import pandas as pd

    codes, uniques = pd.factorize(keys)
    return codes.astype(np.int64, copy=False), max(1, len(uniques))
