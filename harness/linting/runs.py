"""Texts that share 13 words in a row, among many, without keeping the words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from harness.analysis.diversity.tokens import tokenize
from harness.linting.columns import folded

RUN = 13
PHRASE = 6
COMMON, FEWEST = 0.1, 10
"""So many words that so large a share of training texts has, and so many texts, are a phrase of
their template: runs that hold one are no leaks."""


def sharing_runs(heldout: Iterable[str], train: Iterable[str]) -> dict[int, int]:
    """The first training text that shares a run with each held-out text, by their numbers.

    The few held-out texts are kept as hashes of their runs, the many others stream by; where
    something is shared, they do so again, to tell a template's phrases from leaks.
    """
    found = _sharing(heldout, train, set())
    return _sharing(heldout, train, _phrases(heldout, train)) if found else found


def _sharing(heldout: Iterable[str], train: Iterable[str], phrases: set[int]) -> dict[int, int]:
    owners: dict[int, list[int]] = {}
    for number, text in enumerate(heldout):
        for run in set(_runs_without(_words(text), phrases)):
            owners.setdefault(run, []).append(number)
    found: dict[int, int] = {}
    for source, text in enumerate(train if owners else ()):
        for run in _runs(_words(text), RUN):
            for number in owners.get(run, ()):
                found.setdefault(number, source)
    return found


def _phrases(heldout: Iterable[str], train: Iterable[str]) -> set[int]:
    """The phrases of held-out texts that many training texts have."""
    asked = {phrase for text in heldout for phrase in _runs(_words(text), PHRASE)}
    counts: Counter[int] = Counter()
    n = 0
    for text in train if asked else ():
        counts.update(asked.intersection(_runs(_words(text), PHRASE)))
        n += 1
    return {phrase for phrase, times in counts.items() if times >= max(FEWEST, COMMON * n)}


def _words(text: str) -> Sequence[str]:
    """A text's words; none where they are too few for a run."""
    return () if text.count(" ") < RUN - 2 and text.isascii() else tokenize(folded(text))


def _runs(words: Sequence[str], length: int) -> list[int]:
    return [hash(tuple(words[i : i + length])) for i in range(len(words) - length + 1)]


def _runs_without(words: Sequence[str], phrases: set[int]) -> list[int]:
    """The runs that hold no phrase."""
    held = [phrase in phrases for phrase in _runs(words, PHRASE)]
    runs = _runs(words, RUN)
    return [run for i, run in enumerate(runs) if not any(held[i : i + RUN - PHRASE + 1])]
