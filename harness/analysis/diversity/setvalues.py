"""Sets of one answer a prompt: which there are, and a metric's value of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.analysis.diversity.across import ACROSS, gram_counts
from harness.analysis.diversity.metrics import PromptMetric
from harness.analysis.diversity.tokens import FloatArray, IntArray, folded
from harness.analysis.diversity.views import FEWEST_TEXTS, Views

CLOSED_FORM_UP_TO = 2_000  # texts of a set: self-repetition looks at all pairs that share


@dataclass(frozen=True)
class Shape:
    """How many texts each prompt has, (P,): it says what sets of one answer a prompt there are."""

    k: IntArray

    @property
    def texts(self) -> int:
        """How many texts there are."""
        return int(self.k.sum())

    @property
    def varied(self) -> bool:
        """Whether some prompt has several answers."""
        return int(self.k.max(initial=0)) > 1

    @cached_property
    def sets(self) -> list[IntArray]:
        """The prompts of each set: those with a first answer, with a second one, ..."""
        found = (np.flatnonzero(self.k > place) for place in range(int(self.k.max(initial=0))))
        return [prompts for prompts in found if prompts.size >= FEWEST_TEXTS]

    @property
    def largest_set(self) -> int:
        """The number of texts of the largest set."""
        return max((prompts.size for prompts in self.sets), default=0)

    @property
    def has_closed_form(self) -> bool:
        """Whether sets are small enough for values without each of their texts."""
        return self.largest_set <= CLOSED_FORM_UP_TO


@dataclass(frozen=True, slots=True)
class SetValue:
    """The value of one set, and, where there is a closed form, those without each of its texts."""

    value: float
    without: FloatArray | None = None


def set_values(name: str, measure: PromptMetric, views: Views) -> list[SetValue]:
    """The metric of each set; with the values without each text where there is a closed form."""
    if Shape(views.corpus.k).has_closed_form:
        found = closed_form(name, views)
        if found is not None:
            return found
    return [SetValue(value) for value in measure.values(views.sets).tolist()]


def closed_form(name: str, views: Views) -> list[SetValue] | None:
    """The values of each set with and without each text; None where there is no such form."""
    sets = [views.sets.texts[texts] for texts in views.sets.prompt_slices()]
    if name == "duplicate_rate":
        return [duplicates_without(texts) for texts in sets]
    metric = next((metric for metric in ACROSS if metric.name == name), None)
    if metric is None:
        return None
    tables = gram_counts(sets, views.corpus.tokenizer)
    return [SetValue(*metric.values(counts)) for counts in tables]


def duplicates_without(texts: Sequence[str]) -> SetValue:
    """The duplicate rate, and without each text."""
    keys = [folded(text) for text in texts]
    counts, n = Counter(keys), len(keys)
    alone = np.array([counts[key] == 1 for key in keys])
    return SetValue(1 - len(counts) / n, 1 - (len(counts) - alone) / (n - 1))
