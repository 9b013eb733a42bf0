"""A text compared with others word by word: which of its words they lack, and which it lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

MOST_WORDS = 1_000
"""Longer texts are not compared word by word: the time grows with the square."""

WORDS = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text, and whether it differs from what it was compared with.

    ``differs_too`` is the same against a second text. An empty piece that differs stands where
    words are missing.
    """

    text: str
    differs: bool = False
    differs_too: bool = False


def compared(text: str, reference: str, second: str = "") -> tuple[Piece, ...]:
    """The text in pieces; words that the reference does not have there are marked.

    So are those that a ``second`` text does not have. An empty text, and one that is too long,
    is not compared with.
    """
    words = WORDS.findall(text)
    one, two = (_differences(words, other) for other in (reference, second))
    return tuple(_joined(_pieces(words, one, two))) or (Piece(text),)


@dataclass(frozen=True, slots=True)
class _Differences:
    """Which words of a text another lacks, and before which some of the other are missing."""

    words: frozenset[int] = frozenset()
    gaps: frozenset[int] = frozenset()


def _differences(words: Sequence[str], reference: str) -> _Differences:
    expected = WORDS.findall(reference)
    if not words or not expected or max(len(words), len(expected)) > MOST_WORDS:
        return _Differences()
    from rapidfuzz.distance import LCSseq

    new: set[int] = set()
    gaps: set[int] = set()
    for step in LCSseq.opcodes(expected, words):
        if step.tag == "delete":
            gaps.add(step.dest_start)
        elif step.tag != "equal":
            new.update(range(step.dest_start, step.dest_end))
    new |= _spaces_between(words, new)
    # where other words stand instead, these are marked already
    gaps = {at for at in gaps if at not in new and at - 1 not in new}
    return _Differences(frozenset(new), frozenset(gaps))


def _spaces_between(words: Sequence[str], new: set[int]) -> set[int]:
    """Spaces that agree by chance, between two words that do not."""
    inner = range(1, len(words) - 1)
    return {at for at in inner if words[at].isspace() and {at - 1, at + 1} <= new}


def _pieces(words: Sequence[str], one: _Differences, two: _Differences) -> Iterator[Piece]:
    for at in range(len(words) + 1):
        if at in one.gaps or at in two.gaps:
            yield Piece("", at in one.gaps, at in two.gaps)
        if at < len(words):
            yield Piece(words[at], at in one.words, at in two.words)


def _joined(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Neighbours that are alike as one piece; gaps stay by themselves."""
    for (_, one, two), run in groupby(pieces, lambda p: (bool(p.text), p.differs, p.differs_too)):
        yield Piece("".join(piece.text for piece in run), one, two)
