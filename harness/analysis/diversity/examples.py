"""Examples behind the numbers: the commonest answers, and the prompts with least variety."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.diversity.tokens import (
    FloatArray,
    Groups,
    IntArray,
    folded,
    integers,
)


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
    groups: Groups, values: Mapping[str, FloatArray], top: int
) -> tuple[PromptVariety, ...]:
    """The prompts whose answers are most alike: fewest different ones, then highest self-BLEU.

    Prompts whose answers all differ are none of them.
    ``values`` holds the metrics of each prompt, as `profile` has them; () without
    "distinct_k".
    """
    places = least_varied_places(integers(map(len, groups)), values, top)
    return tuple(variety(place, groups[place], values) for place in places)


def least_varied_places(k: IntArray, values: Mapping[str, FloatArray], top: int) -> list[int]:
    """The numbers of the prompts that `least_varied` lists, given how many texts each has, (P,)."""
    if "distinct_k" not in values:
        return []
    different = values["distinct_k"]
    bleu = values.get("self_bleu", np.full(different.size, np.nan))
    order = np.lexsort((-np.nan_to_num(bleu, nan=-1.0), different / k))[:top]
    return [place for place in order.tolist() if different[place] < k[place]]


def variety(place: int, texts: Sequence[str], values: Mapping[str, FloatArray]) -> PromptVariety:
    """One prompt with its commonest answer."""
    commonest, same = Counter(map(folded, texts)).most_common(1)[0]
    shown = next(text for text in texts if folded(text) == commonest)
    different, duplicates, bleu = (
        float(values[name][place]) if name in values else math.nan
        for name in ("distinct_k", "duplicate_rate", "self_bleu")
    )
    return PromptVariety(place, len(texts), different, duplicates, bleu, shown, same)
