"""Prepares model answers for reading side by side: shortened, compared word by word, counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from harness.reports import wording
from harness.reports.document import Copy, Document, Flip, Miss, Section
from harness.reports.wordwise import Piece, compared

TEXT_LIMIT = 1_200
"""Characters of one text that a page shows; the journal holds the rest."""

MOST_COPIES = 600
"""Copied answers that a page shows, shared out among its evals."""

LEAST_COPIES = 3
"""Of each eval a few are shown, however many evals there are."""

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Contrast:
    """A flip ready to read: both answers are compared with the ideal one, and with each other.

    Where there is no ideal answer, pieces that differ do so from the other model's.
    """

    flip: Flip
    prompt: str
    ideal: str
    base: tuple[Piece, ...]
    tuned: tuple[Piece, ...]


def contrast(flip: Flip) -> Contrast:
    """Shorten a flip's texts and mark what is wrong in them, and what changed."""
    prompt, ideal, base, tuned = (
        wording.shortened(wording.printable(text), TEXT_LIMIT)
        for text in (flip.prompt, flip.ideal, flip.base_text, flip.tuned_text)
    )
    if not ideal:
        return Contrast(flip, prompt, ideal, compared(base, tuned), compared(tuned, base))
    return Contrast(flip, prompt, ideal, compared(base, ideal, tuned), compared(tuned, ideal, base))


@dataclass(frozen=True, slots=True)
class Fault:
    """A miss ready to read: its answer compared with the ideal one, where there is one."""

    miss: Miss
    prompt: str
    ideal: str
    answer: tuple[Piece, ...]


def fault(miss: Miss) -> Fault:
    """Shorten a miss's texts and mark what is wrong in the answer."""
    prompt, ideal, answer = (
        wording.shortened(wording.printable(text), TEXT_LIMIT)
        for text in (miss.prompt, miss.ideal, miss.answer)
    )
    return Fault(miss, prompt, ideal, compared(answer, ideal))


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


# --- copies --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Likeness:
    """A copy ready to read: the part that both texts share is marked in both."""

    copy: Copy
    prompt: str
    answer: tuple[Piece, ...]
    training: tuple[Piece, ...]


def likeness(copy: Copy) -> Likeness:
    """Shorten a copy's texts and mark what they share."""
    prompt, answer, training, run = (
        wording.shortened(wording.printable(text), TEXT_LIMIT)
        for text in (copy.prompt, copy.answer, copy.training, copy.run)
    )
    return Likeness(copy, prompt, shared(answer, run), shared(training, run))


def shared(text: str, run: str) -> tuple[Piece, ...]:
    """The text in pieces, its first part that reads like the run marked, if there is one.

    Case and whitespace aside, as copies are found.
    """
    words = (word for word in _WORDS.findall(run) if not word.isspace())
    pattern = r"\s*".join(map(re.escape, words))
    found = re.search(pattern, text, re.IGNORECASE) if run.strip() else None
    if found is None:
        return (Piece(text),)
    start, end = found.span()
    pieces = (Piece(text[:start]), Piece(text[start:end], True), Piece(text[end:]))
    return tuple(piece for piece in pieces if piece.text)


# --- how many a page takes -----------------------------------------------------------


def bounded(document: Document) -> Document:
    """A document of many evals shows fewer copies of each; the rest counts as left out."""
    most = max(LEAST_COPIES, MOST_COPIES // max(1, len(document.sections)))
    return replace(document, sections=tuple(_at_most(most, s) for s in document.sections))


def _at_most(most: int, section: Section) -> Section:
    return replace(
        section,
        copies=section.copies[:most],
        copies_omitted=section.copies_omitted + max(0, len(section.copies) - most),
    )


def in_turn(flips: Iterable[Flip]) -> Iterable[Flip]:
    """Flips of every kind in turn, so that the first few show all kinds."""
    kinds: dict[str, list[Flip]] = {}
    for flip in flips:
        kinds.setdefault(flip.kind, []).append(flip)
    return (flip for row in zip_longest(*kinds.values()) for flip in row if flip)
