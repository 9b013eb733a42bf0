"""Many texts cut into tokens and numbered at once, by the class of every character.

The same tokens as those of the patterns in `tokens`, several times as fast: no token becomes
a string of its own unless it is long.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import numpy.typing as npt

from harness.analysis.diversity.gramtable import BoolArray, IntArray

SPACE, WORD, SINGLE, JOINT = range(4)
"""What a character is: between tokens, part of a word, a token, a joint of two words or a token."""

PACKED = 8  # bytes of a token that fit into one integer
CHUNK = 1 << 18  # characters at a time: they stay in the processor's cache
ASCII = 128

Classes = npt.NDArray[np.uint8]
Bytes = npt.NDArray[np.uint8]
Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Scanner:
    """Cuts texts by the classes of characters that ``classify`` gives.

    ``numbers`` remembers the long tokens of all texts.
    """

    classify: Callable[[str], int]
    numbers: defaultdict[bytes, int] = field(default_factory=lambda: defaultdict(count().__next__))

    def scan(self, texts: Sequence[str]) -> tuple[Keys, BoolArray, IntArray]:
        """The tokens of the texts: a key each, whether it numbers a long one, and counts.

        Tokens are equal where key and mark are; the counts say how many each text has.
        """
        parts = [self._scan_chunk(chunk) for chunk in chunks(texts)]
        keys, long, lengths = zip(*parts, strict=True) if parts else ((), (), ())
        return (
            np.concatenate([np.zeros(0, np.uint64), *keys]),
            np.concatenate([np.zeros(0, bool), *long]),
            np.concatenate([np.zeros(0, np.int64), *lengths]),
        )

    def _scan_chunk(self, texts: Sequence[str]) -> tuple[Keys, BoolArray, IntArray]:
        joined = "\n".join([*texts, ""])
        characters = code_points(joined)
        starts, ends = token_bounds(self._classes(characters))
        text_ends = np.cumsum([len(text) + 1 for text in texts])
        lengths = np.diff(np.searchsorted(starts, text_ends), prepend=0)
        if characters.dtype != np.uint8:
            offsets = byte_offsets(characters)
            starts, ends = offsets[starts], offsets[ends]
        data = joined.encode("utf-8", "surrogatepass")
        keys, long = packed(data, starts, ends)
        places = np.flatnonzero(long)
        bounds = zip(starts[places].tolist(), ends[places].tolist(), strict=True)
        keys[places] = [self.numbers[data[start:end]] for start, end in bounds]
        return keys, long, lengths

    def _classes(self, characters: npt.NDArray[np.unsignedinteger]) -> Classes:
        """The class of each character."""
        if characters.dtype == np.uint8:
            classes = characters.tobytes().translate(self._ascii)
            return np.frombuffer(classes, dtype=np.uint8)
        points = np.flatnonzero(np.bincount(characters))
        table = np.zeros(int(points[-1]) + 1, dtype=np.uint8)
        table[points] = [self.classify(chr(point)) for point in points.tolist()]
        return np.asarray(table[characters])

    @property
    def _ascii(self) -> bytes:
        """The class of each ASCII character, for `bytes.translate`."""
        return bytes(map(self.classify, map(chr, range(ASCII)))).ljust(256)


def chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts in portions of a bounded number of characters, at least one text each."""
    start = size = 0
    for end, text in enumerate(texts):
        if size > CHUNK:
            yield texts[start:end]
            start, size = end, 0
        size += len(text) + 1
    if size:
        yield texts[start:]


def code_points(text: str) -> npt.NDArray[np.unsignedinteger]:
    """The text's characters as integers."""
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def byte_offsets(characters: npt.NDArray[np.unsignedinteger]) -> IntArray:
    """Where each character starts in UTF-8, and the end of the last."""
    widths = np.ones(characters.size, dtype=np.int64)
    for first in (0x80, 0x800, 0x10000):
        widths += characters >= first
    return np.concatenate([[0], np.cumsum(widths)])


def token_bounds(classes: Classes) -> tuple[IntArray, IntArray]:
    """The start and end of each token; the last character must be a space."""
    word = classes == WORD
    if (classes == JOINT).any():
        inside = classes[1:-1] == JOINT
        word[1:-1] |= inside & (classes[:-2] == WORD) & (classes[2:] == WORD)
    single = (classes >= SINGLE) & ~word
    before = np.append(False, word[:-1])
    if not single.any():
        edges = np.flatnonzero(word != before)
        return edges[::2], edges[1::2]
    after = np.append(word[1:], False)
    return np.flatnonzero(single | (word & ~before)), np.flatnonzero(single | (word & ~after)) + 1


def packed(data: bytes, starts: IntArray, ends: IntArray) -> tuple[Keys, BoolArray]:
    """The bytes of each token as one integer, and which tokens do not fit into one.

    Bytes of zero fill up: a token that has such a byte does not fit either.
    """
    long = ends - starts > PACKED
    if 0 in data:
        zeros = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == 0)
        long |= np.searchsorted(zeros, starts) < np.searchsorted(zeros, ends)
    words = np.ndarray(len(data), dtype="<u8", buffer=data + bytes(PACKED), strides=(1,))
    return words[starts] & MASKS[np.minimum(ends - starts, PACKED)], long


MASKS = np.array([(1 << 8 * n) - 1 for n in range(PACKED + 1)], dtype=np.uint64)
