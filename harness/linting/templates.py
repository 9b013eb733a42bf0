"""Templates that prompts share, which make near ones of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.linting.columns import Different, folded

CROWDED = 0.1
"""Where so large a share of prompts is one group of near ones, they share a template."""

COMMON = 0.5
"""Words that at least this share of prompts has are the template's."""


def is_crowded(near: Sequence[Sequence[int]], prompts: int) -> bool:
    """Is so large a share of the prompts one group of near ones that they share a template?"""
    return max(map(len, near), default=0) > max(2.0, CROWDED * prompts)


def template_of(prompts: Different) -> list[str]:
    """The words that most prompts have, in the order of the first prompt."""
    seen: Counter[str] = Counter()
    for text in prompts.texts:
        seen.update(set(words_of(text)))
    common = [word for word, times in seen.items() if times >= COMMON * len(prompts)]
    first = words_of(prompts.texts[0])
    return sorted(common, key=lambda word: first.index(word) if word in first else len(first))


def words_of(text: str) -> list[str]:
    """The words of a text without case and the commonest signs."""
    return folded(text).replace(".", " ").replace("?", " ").replace(",", " ").split()
