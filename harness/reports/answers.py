"""Prepares model answers for reading side by side: shortened, compared word by word, counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from harness.reports import wording
from harness.reports.document import Flip

TEXT_LIMIT = 1_200
"""Characters of one text that a page shows; the journal holds the rest."""

MOST_WORDS = 400
"""Longer texts are not compared word by word: the time grows with the square."""

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text, and whether it differs from what it was compared with."""

    text: str
    differs: bool = False


def compared(text: str, reference: str) -> tuple[Piece, ...]:
    """The text in pieces; words that the reference does not have there are marked."""
    if text == reference or not reference:
        return (Piece(text),)
    words, expected = _WORDS.findall(text), _WORDS.findall(reference)
    if max(len(words), len(expected)) > MOST_WORDS:
        return (Piece(text),)
    matcher = SequenceMatcher(None, expected, words, autojunk=False)
    return tuple(
        Piece("".join(words[start:end]), tag != "equal")
        for tag, _, _, start, end in matcher.get_opcodes()
        if end > start
    )


@dataclass(frozen=True, slots=True)
class Contrast:
    """A flip ready to read: where an ideal answer exists, both answers are compared with it."""

    flip: Flip
    prompt: str
    ideal: str
    base: tuple[Piece, ...]
    tuned: tuple[Piece, ...]


def contrast(flip: Flip) -> Contrast:
    """Shorten a flip's texts and mark what is wrong in them, or else what changed."""
    prompt, ideal, base, tuned = (
        wording.shortened(wording.printable(text), TEXT_LIMIT)
        for text in (flip.prompt, flip.ideal, flip.base_text, flip.tuned_text)
    )
    return Contrast(
        flip, prompt, ideal, compared(base, ideal or tuned), compared(tuned, ideal or base)
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """One distinct answer and how often it was given."""

    text: str
    times: int


def distinct(answers: Sequence[str]) -> tuple[Answer, ...]:
    """Answers that differ in more than spaces, in order of appearance, with their counts."""
    texts: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for answer in answers:
        key = " ".join(answer.split())
        texts.setdefault(key, wording.shortened(wording.printable(answer), TEXT_LIMIT))
        counts[key] += 1
    return tuple(Answer(texts[key], times) for key, times in counts.items())
