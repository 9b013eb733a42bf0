"""Near-equal texts among very many: which pairs share most of their 5-character shingles.

Pure. ``leakage.near_overlap`` compares everything and keeps every shingle; this keeps 256 bytes a
text, so that a hundred thousand of them are looked at in seconds. Pairs are found by MinHash
bands and then compared exactly: none is reported that is not one, and one at the threshold is
missed about once in a hundred times (at .8 once in 3,000). Source: Broder 1997; Leskovec 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from harness.analysis.diversity.tokens import folded

Hashes = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.int64]

Number = TypeVar("Number", np.uint32, np.int64)

SHINGLE = 5  # characters
NEAR = 0.7
ROWS, BANDS = 4, 16
MOST_CHARACTERS = 20_000
"""Longer texts are compared by their beginnings."""

CROWD = 40
"""A band that more texts share is a phrase of all of them: there, neighbours alone are compared."""

CLOSE = 4
"""How many of its neighbours a text in a crowd is compared with."""

PROMISING = NEAR - 0.15
"""Pairs whose estimated similarity is lower are not compared exactly."""

MOST_COMPARED = 100_000
"""No more pairs than this are compared exactly, the most promising first. More are promising only
where all texts share a long phrase, and then those beyond it are hardly ever near."""

BATCH_CHARACTERS = 2_000_000
_MIX = np.uint32(0x9E3779B1)
_SEED = 20240229


@dataclass(frozen=True, slots=True)
class Near:
    """Two texts, by their indices, and the Jaccard index of their shingles."""

    first: int
    second: int
    similarity: float


@dataclass(slots=True)
class Sketches:
    """The MinHash signatures of texts that come one after the other."""

    _done: list[Hashes] = field(default_factory=list)
    _waiting: list[str] = field(default_factory=list)
    _characters: int = 0

    def add(self, text: str) -> None:
        """Take in one text; short ones wait until there are enough to be worth the while."""
        self._waiting.append(text)
        self._characters += min(len(text), MOST_CHARACTERS)
        if self._characters > BATCH_CHARACTERS:
            self._flush()

    def matrix(self) -> Hashes:
        """All signatures, (texts, ROWS * BANDS)."""
        self._flush()
        return np.concatenate([np.empty((0, ROWS * BANDS), np.uint32), *self._done])

    def _flush(self) -> None:
        if self._waiting:
            self._done.append(signatures(self._waiting))
        self._waiting, self._characters = [], 0


def shingles(text: str) -> Hashes:
    """The different shingles of a text, hashed and sorted; a short text is one shingle."""
    codes = _codes(text)
    if 0 < len(codes) < SHINGLE:
        codes = np.pad(codes, (0, SHINGLE - len(codes)))
    return distinct_sorted(_window_hashes(codes))


def _codes(text: str) -> Hashes:
    bare = folded(text[:MOST_CHARACTERS])
    return np.frombuffer(bare.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _gram_hashes(codes: Sequence[Hashes]) -> tuple[Hashes, Counts]:
    """A hash of each run of 5 characters, text after text, and how many each text has.

    A text that is shorter is filled up with zeros.
    """
    filled = [np.pad(c, (0, SHINGLE - len(c))) if 0 < len(c) < SHINGLE else c for c in codes]
    lengths = np.array([len(c) for c in filled], dtype=np.int64)
    hashes = _window_hashes(np.concatenate([*filled, np.zeros(SHINGLE - 1, np.uint32)]))
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(hashes))
    return hashes[left >= SHINGLE], np.maximum(lengths - SHINGLE + 1, 0)


def _window_hashes(codes: Hashes) -> Hashes:
    """A hash of the 5 characters from each one on that has as many."""
    hashes = np.zeros(max(len(codes) - SHINGLE + 1, 0), dtype=np.uint32)
    for offset in range(SHINGLE):
        hashes ^= codes[offset : offset + len(hashes)]
        hashes *= _MIX
        hashes ^= hashes >> np.uint32(15)
    return hashes


def signatures(texts: Sequence[str]) -> Hashes:
    """The MinHash signature of each text, (texts, ROWS * BANDS); zeros where there is no text."""
    stream, counts = _gram_hashes([_codes(text) for text in texts])
    found = np.zeros((len(texts), ROWS * BANDS), dtype=np.uint32)
    filled = np.flatnonzero(counts)
    if not filled.size:
        return found
    starts = (np.cumsum(counts) - counts)[filled]
    multipliers = np.random.default_rng(_SEED).integers(1, 2**31, ROWS * BANDS, dtype=np.uint32)
    for column, multiplier in enumerate(multipliers * np.uint32(2) + np.uint32(1)):
        mixed = stream * multiplier
        mixed ^= mixed >> np.uint32(16)
        mixed *= _MIX
        found[filled, column] = np.minimum.reduceat(mixed, starts)
    return found


def near_pairs(
    matrix: Hashes,
    text_at: Callable[[int], str],
    *,
    threshold: float = NEAR,
    others_from: int | None = None,
) -> list[Near]:
    """Pairs of texts at least as similar as ``threshold``, enough to connect every group.

    A pair whose texts are already connected by others is left out. With ``others_from`` only
    pairs of a text before that index and one from there on count, and all of them are given.
    """
    found: list[Near] = []
    groups = Groups(len(matrix))
    cut = lru_cache(4096)(lambda index: shingles(text_at(index)))
    for first, second in _candidates(matrix, others_from):
        if others_from is None and groups.leader(first) == groups.leader(second):
            continue
        similarity = jaccard(cut(first), cut(second))
        if similarity >= threshold:
            groups.join(first, second)
            found.append(Near(first, second, similarity))
    return found


def jaccard(first: Hashes, second: Hashes) -> float:
    """Shared over all different shingles of two sorted sets; 0 where both are empty."""
    everything = np.concatenate([first, second])
    everything.sort()
    shared = int(np.count_nonzero(everything[1:] == everything[:-1]))
    different = len(everything) - shared
    return shared / different if different else 0.0


def _candidates(matrix: Hashes, others_from: int | None) -> Iterable[tuple[int, int]]:
    """Pairs that share a band and look similar by their signatures, the most similar first."""
    pairs = [
        _pairs_of_band(matrix[:, band * ROWS : (band + 1) * ROWS], others_from)
        for band in range(BANDS)
    ]
    size = len(matrix)
    keys = distinct_sorted(np.concatenate([first * size + second for first, second in pairs]))
    estimates = np.concatenate([np.empty(0), *map(partial(_estimates, matrix), _chunks(keys))])
    keys, estimates = keys[estimates >= PROMISING], estimates[estimates >= PROMISING]
    best = np.argsort(-estimates, kind="stable")[:MOST_COMPARED]
    first, second = np.divmod(keys[best], size)
    return zip(first.tolist(), second.tolist(), strict=True)


def distinct_sorted(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """The different values in order; quicker on numbers than numpy's own ``unique``."""
    ordered = np.sort(values)
    new = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return ordered[new]


def _chunks(keys: Counts) -> list[Counts]:
    return [keys[start : start + 100_000] for start in range(0, len(keys), 100_000)]


def _estimates(matrix: Hashes, keys: Counts) -> npt.NDArray[np.float64]:
    """The similarity of each pair as its signatures have it."""
    first, second = np.divmod(keys, len(matrix))
    return np.asarray((matrix[first] == matrix[second]).mean(axis=1))


Pairs = tuple[Counts, Counts]


def _pairs_of_band(rows: Hashes, others_from: int | None) -> Pairs:
    """Pairs of texts with the same rows of a band, the smaller index first."""
    key = np.zeros(len(rows), dtype=np.uint64)
    for column in rows.T:
        key = (key ^ column) * np.uint64(0x9E3779B97F4A7C15)
    filled = np.flatnonzero(rows.any(axis=1))
    order = filled[np.argsort(key[filled], kind="stable")]
    ends = np.flatnonzero(np.diff(key[order])) + 1
    bounds = np.concatenate([[0], ends, [len(order)]])
    sizes = np.diff(bounds)
    twos = bounds[:-1][sizes == 2]
    couples = order[twos], order[twos + 1]
    if others_from is not None:
        across = (couples[0] < others_from) & (couples[1] >= others_from)
        couples = couples[0][across], couples[1][across]
    many = np.flatnonzero(sizes > 2)
    found = [_pairs_within(order[bounds[i] : bounds[i + 1]], others_from) for i in many]
    firsts, seconds = [pair[0] for pair in found], [pair[1] for pair in found]
    return np.concatenate([couples[0], *firsts]), np.concatenate([couples[1], *seconds])


def _pairs_within(members: Counts, others_from: int | None) -> Pairs:
    """All pairs of a bucket; of a crowd, each member with those close to it.

    Members are in the order of their indices.
    """
    if others_from is not None:
        ours, theirs = members[members < others_from], members[members >= others_from]
        ours = ours[:CROWD]
        return np.repeat(ours, len(theirs)), np.tile(theirs, len(ours))
    if len(members) <= CROWD:
        rows, columns = np.triu_indices(len(members), 1)
        return members[rows], members[columns]
    steps = range(1, CLOSE + 1)
    leaders = np.repeat(members[:1], len(members) - 1)
    return (
        np.concatenate([leaders, *(members[:-step] for step in steps)]),
        np.concatenate([members[1:], *(members[step:] for step in steps)]),
    )


# --- groups --------------------------------------------------------------------------


@dataclass(slots=True)
class Groups:
    """Which of ``size`` things belong together; each group is led by its smallest."""

    size: int
    _parents: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._parents = list(range(self.size))

    def leader(self, member: int) -> int:
        """The smallest of a thing's group."""
        parents = self._parents
        while parents[member] != member:
            parents[member] = parents[parents[member]]
            member = parents[member]
        return member

    def join(self, first: int, second: int) -> None:
        """Make one group of two."""
        low, high = sorted((self.leader(first), self.leader(second)))
        self._parents[high] = low

    def larger_than_one(self) -> list[list[int]]:
        """The members of every group that has several, in order."""
        members: dict[int, list[int]] = {}
        for thing in range(self.size):
            members.setdefault(self.leader(thing), []).append(thing)
        return [group for group in members.values() if len(group) > 1]


def groups_of(size: int, pairs: Iterable[Near]) -> list[list[int]]:
    """What the pairs connect, as groups of indices in order."""
    groups = Groups(size)
    for pair in pairs:
        groups.join(pair.first, pair.second)
    return groups.larger_than_one()
