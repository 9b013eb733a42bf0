"""Held-out items that also stand in the training data, in tiers from sure to suspicious.

Pure: it compares texts and says which pairs overlap. Near overlaps are often paraphrases
and not all leaks, so the tier always goes with the pair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.analysis.diversity.copying import RUN, copy_rate
from harness.analysis.diversity.gramtable import numbered
from harness.analysis.diversity.ngrams import distinct_sorted, widened
from harness.analysis.diversity.tokens import FloatArray, IntArray, folded

Tier = Literal["exact", "13-gram", "char-5 Jaccard"]

SHINGLE = 5  # characters
NEAR = 0.7
COMMON_RARE = 16  # shared rare shingles that make two texts worth comparing
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Overlap:
    """A held-out item and the training item that it overlaps with, by their indices.

    ``similarity`` is 1 for the first two tiers and the Jaccard index for the third.
    """

    heldout: int
    train: int
    tier: Tier
    similarity: float = 1.0


def overlaps(train_texts: Sequence[str], heldout_texts: Sequence[str]) -> tuple[Overlap, ...]:
    """Each overlapping held-out item once, in its surest tier, by held-out index."""
    tiers = (near_overlap, run_overlap, exact_overlap)
    surest = {found.heldout: found for tier in tiers for found in tier(train_texts, heldout_texts)}
    return tuple(surest[index] for index in sorted(surest))


def exact_overlap(train_texts: Sequence[str], heldout_texts: Sequence[str]) -> tuple[Overlap, ...]:
    """Held-out texts equal to a training text after NFC, case folding and whitespace.

    Each with the first such training item. Texts without characters are left out.
    """
    first = first_occurrences(train_texts)
    heldout = enumerate(folded(text) for text in heldout_texts)
    return tuple(Overlap(i, first[text], "exact") for i, text in heldout if text in first)


def run_overlap(train_texts: Sequence[str], heldout_texts: Sequence[str]) -> tuple[Overlap, ...]:
    """Held-out texts that share 13 consecutive words with a training text, or equal a shorter.

    Each with the first such training item. Source: Brown 2020 (13-gram decontamination).
    """
    sources = enumerate(copy_rate(heldout_texts, train_texts, RUN).sources)
    return tuple(Overlap(i, train, "13-gram") for i, train in sources if train is not None)


def near_overlap(
    train_texts: Sequence[str], heldout_texts: Sequence[str], threshold: float = NEAR
) -> tuple[Overlap, ...]:
    """Held-out texts whose sets of 5-character shingles are alike, each with its nearest item.

    Jaccard index = shared / all shingles of both, after NFC, case folding and whitespace;
    exact, not estimated. Texts shorter than 5 characters have no shingles and are left out.

    Raises:
        ValueError: a threshold outside (0, 1].
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold {threshold} is no Jaccard index; give one in (0, 1]")
    first = first_occurrences(train_texts)
    items = list(first.values())
    rows = shingle_sets([*first, *heldout_texts])
    index = PrefixIndex.of(rows, len(items), threshold)
    nearest = ((i, index.nearest(rows.row(len(items) + i))) for i in range(len(heldout_texts)))
    return tuple(
        Overlap(i, items[found], "char-5 Jaccard", similarity)
        for i, (found, similarity) in nearest
        if similarity >= threshold
    )


def first_occurrences(texts: Sequence[str]) -> dict[str, int]:
    """The different folded texts that have characters, with the index of their first."""
    first: dict[str, int] = {}
    for index, text in enumerate(texts):
        first.setdefault(folded(text), index)
    first.pop("", None)
    return first


@dataclass(frozen=True, slots=True)
class ShingleSets:
    """The set of shingles of each text, rarest first; row i is items[ends[i-1]:ends[i]].

    Shingles are numbered by how few texts have them: 0 is the rarest of ``size``.
    """

    items: IntArray
    ends: IntArray
    size: int

    def row(self, text: int) -> IntArray:
        """One text's shingles."""
        return self.items[self.ends[text - 1] if text else 0 : self.ends[text]]

    def lengths(self) -> IntArray:
        """The number of shingles of each text."""
        return np.diff(self.ends, prepend=0)


def shingle_sets(texts: Sequence[str]) -> ShingleSets:
    """Cut the folded texts into overlapping shingles of 5 characters."""
    codes = [code_points(folded(text)) for text in texts]
    lengths = np.array([len(code) for code in codes], dtype=np.int64)
    stream = np.concatenate(codes) if codes else np.array([], dtype=np.int64)
    grams = widened(*numbered(stream), lengths, SHINGLE)
    pairs = distinct_sorted(grams.documents * grams.size + grams.ids)
    documents, shingles = pairs // grams.size, pairs % grams.size
    rarity = np.empty(grams.size, dtype=np.int64)
    frequency = np.bincount(shingles, minlength=grams.size)
    rarity[np.argsort(frequency, kind="stable")] = np.arange(grams.size)
    items = np.sort(documents * grams.size + rarity[shingles]) % grams.size
    ends = np.cumsum(np.bincount(documents, minlength=len(texts)))
    return ShingleSets(items, ends, grams.size)


def code_points(text: str) -> IntArray:
    """The text's characters as numbers."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)


@dataclass(frozen=True, slots=True)
class PrefixIndex:
    """Training texts by the rarest of their shingles, to find near ones without comparing all.

    Two sets of Jaccard index >= t share at least t |x| items. All but the rarest
    |x| - t |x| + c of a set are too few to hold the rest of them, so at least c shared items
    are among those of both: only texts with c in common there are compared.
    Source: Chaudhuri 2006 for c = 1; Wang 2012 for larger c.
    """

    rows: ShingleSets
    lengths: IntArray
    texts: IntArray
    starts: IntArray
    threshold: float
    marks: np.ndarray[tuple[int], np.dtype[np.bool_]]

    @classmethod
    def of(cls, rows: ShingleSets, n_train: int, threshold: float) -> PrefixIndex:
        """Index the first ``n_train`` rows."""
        lengths = rows.lengths()[:n_train]
        prefixes = [rows.row(i)[: prefix_length(n, threshold)] for i, n in enumerate(lengths)]
        texts = np.repeat(np.arange(n_train), [len(prefix) for prefix in prefixes])
        shingles = np.concatenate(prefixes) if prefixes else np.array([], dtype=np.int64)
        order = np.argsort(shingles, kind="stable")
        starts = np.searchsorted(shingles[order], np.arange(rows.size + 1))
        marks = np.zeros(rows.size, dtype=bool)
        return cls(rows, lengths, texts[order], starts, threshold, marks)

    def nearest(self, shingles: IntArray) -> tuple[int, float]:
        """The most similar candidate and its Jaccard index, 0 where there is none."""
        candidates = self.candidates(shingles)
        if not candidates.size:
            return -1, 0.0
        similarity = self.jaccard(shingles, candidates)
        best = int(similarity.argmax())
        return int(candidates[best]), float(similarity[best])

    def candidates(self, shingles: IntArray) -> IntArray:
        """Training texts that share a rare shingle and are of similar size, by index."""
        prefix = shingles[: prefix_length(shingles.size, self.threshold)]
        if not prefix.size:
            return self.texts[:0]
        postings = [self.texts[self.starts[s] : self.starts[s + 1]] for s in prefix]
        common = np.bincount(np.concatenate(postings), minlength=self.lengths.size)
        enough = common >= min(COMMON_RARE, fewest_shared(shingles.size, self.threshold))
        large = self.lengths >= self.threshold * shingles.size - ROUNDING
        small = self.lengths * self.threshold <= shingles.size + ROUNDING
        return np.flatnonzero(enough & large & small)

    def jaccard(self, shingles: IntArray, candidates: IntArray) -> FloatArray:
        """The Jaccard index with each candidate."""
        self.marks[shingles] = True
        shared = np.array([np.count_nonzero(self.marks[self.rows.row(c)]) for c in candidates])
        self.marks[shingles] = False
        return np.asarray(shared / (shingles.size + self.lengths[candidates] - shared))


def prefix_length(size: int, threshold: float) -> int:
    """How many of a set's rarest items must be looked at to miss no similar set."""
    return min(size, size - fewest_shared(size, threshold) + COMMON_RARE)


def fewest_shared(size: int, threshold: float) -> int:
    """The fewest items that a set of this size shares with a similar one."""
    return math.ceil(threshold * size - ROUNDING)
