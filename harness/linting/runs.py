"""Texts that share 13 words in a row, among many, without keeping the words."""

from __future__ import annotations

from collections.abc import Iterable

from harness.analysis.diversity.tokens import tokenize
from harness.linting.columns import folded

RUN = 13


def sharing_runs(heldout: Iterable[str], train: Iterable[str]) -> dict[int, int]:
    """The first training text that shares a run with each held-out text, by their numbers.

    The few held-out texts are kept as hashes of their runs, the many others stream by.
    """
    owners: dict[int, list[int]] = {}
    for number, text in enumerate(heldout):
        for run in set(_runs(text)):
            owners.setdefault(run, []).append(number)
    found: dict[int, int] = {}
    for source, text in enumerate(train if owners else ()):
        for run in _runs(text):
            for number in owners.get(run, ()):
                found.setdefault(number, source)
    return found


def _runs(text: str) -> list[int]:
    if text.count(" ") < RUN - 2 and text.isascii():
        return []
    words = tokenize(folded(text))
    return [hash(tuple(words[i : i + RUN])) for i in range(len(words) - RUN + 1)]
