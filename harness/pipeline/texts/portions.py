"""Texts in portions, as they are sent to workers, and what is done with them there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.analysis.diversity.portions import (
    Keys,
    Measured,
    Wanted,
    holding,
    measured,
    measured_set,
)
from harness.analysis.diversity.setvalues import SetValue
from harness.analysis.diversity.tokens import Groups, IntArray
from harness.pipeline.texts.places import PlacedTexts, Source, Spots


@dataclass(frozen=True, slots=True)
class Portion:
    """Texts of some prompts, as themselves or as where they stand."""

    k: tuple[int, ...]
    texts: tuple[str, ...] = ()
    source: Source | None = None
    spots: Spots | None = None

    def all_texts(self) -> Sequence[str]:
        """The texts, prompt after prompt."""
        if self.source is None or self.spots is None:
            return self.texts
        return self.source.texts(self.spots)

    def groups(self) -> Groups:
        """The texts by prompt."""
        texts = iter(self.all_texts())
        return [[next(texts) for _ in range(k)] for k in self.k]


@dataclass(frozen=True, slots=True)
class Measure:
    """Measures a portion of prompts."""

    wanted: Wanted

    def __call__(self, portion: Portion) -> Measured:
        """What the portion says."""
        return measured(portion.groups(), self.wanted)


@dataclass(frozen=True, slots=True)
class MeasureSet:
    """Measures a set of one answer a prompt."""

    wanted: Wanted
    closed_form: bool

    def __call__(self, portion: Portion) -> list[SetValue]:
        """Each metric of the set."""
        return measured_set(portion.all_texts(), self.wanted, closed_form=self.closed_form)


@dataclass(frozen=True, slots=True)
class Find:
    """Finds the texts of a portion that hold a phrase."""

    wanted: Wanted
    keys: Keys

    def __call__(self, portion: Portion) -> IntArray:
        """Their numbers in the portion."""
        return holding(portion.groups(), self.keys, self.wanted)


# --- here ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Texts:
    """All texts by number, prompt after prompt, wherever they are."""

    groups: Mapping[str, tuple[str, ...]]

    @cached_property
    def k(self) -> IntArray:
        """How many each prompt has, (P,)."""
        if isinstance(self.groups, PlacedTexts):
            return self.groups.k
        return np.array([len(group) for group in self.groups.values()], dtype=np.int64)

    @cached_property
    def firsts(self) -> IntArray:
        """The number of each prompt's first text, (P,)."""
        return np.cumsum(self.k) - self.k

    @cached_property
    def _held(self) -> tuple[str, ...]:
        return tuple(text for group in self.groups.values() for text in group)

    def portion(self, numbers: slice | IntArray, k: Sequence[int]) -> Portion:
        """Some texts, as they are sent."""
        if isinstance(self.groups, PlacedTexts):
            return Portion(tuple(k), source=self.groups.source, spots=self.groups.spots.at(numbers))
        if isinstance(numbers, slice):
            return Portion(tuple(k), self._held[numbers])
        return Portion(tuple(k), tuple(self._held[number] for number in numbers.tolist()))

    def at(self, numbers: IntArray) -> Sequence[str]:
        """Some texts, read."""
        return self.portion(numbers, ()).all_texts()

    def portions(self, size: int) -> Iterator[Portion]:
        """All texts in portions of whole prompts, of about so many texts each."""
        ends = np.cumsum(self.k)
        cuts = np.searchsorted(ends, np.arange(size, int(ends[-1]) + size, size))
        cuts = np.unique(np.minimum(cuts + 1, ends.size))
        for start, end in zip([0, *cuts.tolist()], cuts.tolist(), strict=False):
            first = int(self.firsts[start])
            yield self.portion(slice(first, int(ends[end - 1])), self.k[start:end].tolist())
