"""Prepares model answers for reading side by side: shortened, compared word by word, counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import zip_longest

from harness.reports import wording
from harness.reports.document import Copy, Document, Flip, Miss, Section

TEXT_LIMIT = 1_200
"""Characters of one text that a page shows; the journal holds the rest."""

MOST_WORDS = 400
"""Longer texts are not compared word by word: the time grows with the square."""

MOST_SAMPLES = 600
"""Samples that a page shows, shared out among its evals."""

LEAST_SAMPLES = 3
"""Of each eval a few are shown, however many evals there are."""

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


# --- how many samples a page takes ---------------------------------------------------


def bounded(document: Document) -> Document:
    """A document of many evals shows fewer samples of each; the rest counts as left out."""
    most = max(LEAST_SAMPLES, MOST_SAMPLES // max(1, len(document.sections)))
    return replace(document, sections=tuple(_at_most(most, s) for s in document.sections))


def _at_most(most: int, section: Section) -> Section:
    flips, misses = tuple(in_turn(section.flips))[:most], section.misses[:most]
    return replace(
        section,
        flips=section.flips if len(section.flips) <= most else flips,
        flips_omitted=section.flips_omitted + len(section.flips) - len(flips),
        misses=misses,
        misses_omitted=section.misses_omitted + len(section.misses) - len(misses),
        copies=section.copies[:most],
        copies_omitted=section.copies_omitted + max(0, len(section.copies) - most),
    )


def in_turn(flips: Iterable[Flip]) -> Iterable[Flip]:
    """Flips of every kind in turn, so that the first few show all kinds."""
    kinds: dict[str, list[Flip]] = {}
    for flip in flips:
        kinds.setdefault(flip.kind, []).append(flip)
    return (flip for row in zip_longest(*kinds.values()) for flip in row if flip)
