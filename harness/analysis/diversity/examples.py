"""Examples behind the numbers: the commonest answers, and the prompts with least variety."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from harness.analysis.diversity.comparison import METRICS
from harness.analysis.diversity.tokens import DEFAULT_TOKENIZER, Groups, encode, folded

MOST_ANSWERS = 2_000
"""Of one prompt: telling them apart takes time that grows with the square."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An answer that was given several times, case and whitespace aside."""

    text: str
    count: int
    prompts: int


@dataclass(frozen=True, slots=True)
class PromptVariety:
    """One prompt: how many of its answers are really different, and the commonest of them.

    ``place`` is its index, ``same`` how often the commonest answer was given.
    """

    place: int
    k: int
    different: float
    duplicate_rate: float
    self_bleu: float
    commonest: str
    same: int


def most_duplicated(groups: Groups, top: int) -> tuple[Duplicate, ...]:
    """The answers given most often, most first."""
    seen: dict[str, tuple[str, list[int]]] = {}
    for place, group in enumerate(groups):
        for text in group:
            seen.setdefault(folded(text), (text, []))[1].append(place)
    repeated = (found for found in seen.values() if len(found[1]) > 1)
    most = sorted(repeated, key=lambda found: -len(found[1]))[:top]
    return tuple(Duplicate(text, len(places), len(set(places))) for text, places in most)


def least_varied(
    groups: Groups, top: int, *, tokenizer: str = DEFAULT_TOKENIZER
) -> tuple[PromptVariety, ...]:
    """The prompts whose answers are most alike: fewest different ones, then highest self-BLEU."""
    places = [place for place, group in enumerate(groups) if len(group) > 1]
    if not places or max(len(groups[place]) for place in places) > MOST_ANSWERS:
        return ()
    corpus = encode([groups[place] for place in places], tokenizer)
    different = METRICS["distinct_k"].values(corpus)
    duplicates = 1 - METRICS["duplicate_rate"].values(corpus)
    bleu = 1 - METRICS["self_bleu"].values(corpus)
    order = np.lexsort((-np.nan_to_num(bleu, nan=-1.0), different / corpus.k))[:top].tolist()
    found = []
    for row in order:
        texts = groups[places[row]]
        commonest, same = Counter(map(folded, texts)).most_common(1)[0]
        found.append(
            PromptVariety(
                place=places[row],
                k=len(texts),
                different=float(different[row]),
                duplicate_rate=float(duplicates[row]),
                self_bleu=float(bleu[row]),
                commonest=next(text for text in texts if folded(text) == commonest),
                same=same,
            )
        )
    return tuple(found)
