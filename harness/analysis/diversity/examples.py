"""Examples behind the numbers: the commonest answers, and the prompts with least variety."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.diversity.tokens import FloatArray, Groups, folded


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
    if "distinct_k" not in values:
        return ()
    different = values["distinct_k"]
    nothing = np.full(different.size, np.nan)
    duplicates = values.get("duplicate_rate", nothing)
    bleu = values.get("self_bleu", nothing)
    k = np.array([len(group) for group in groups])
    order = np.lexsort((-np.nan_to_num(bleu, nan=-1.0), different / k))[:top].tolist()
    return tuple(
        variety(place, groups[place], different[place], duplicates[place], bleu[place])
        for place in order
        if different[place] < k[place]
    )


def variety(
    place: int, texts: Sequence[str], different: float, duplicates: float, bleu: float
) -> PromptVariety:
    """One prompt with its commonest answer."""
    commonest, same = Counter(map(folded, texts)).most_common(1)[0]
    shown = next(text for text in texts if folded(text) == commonest)
    return PromptVariety(
        place, len(texts), float(different), float(duplicates), float(bleu), shown, same
    )
