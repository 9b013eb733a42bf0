"""Which errors have nothing like them in the training data: groups of prompts, and their distance.

Likeness is the cosine of TF-IDF vectors of words and pairs of words: of prompts that speak of the
same thing, which lexical copies (`analysis.neighbours`) are only a part of. Numbers are all one
word: they tell short prompts of one kind apart, though these speak of the same thing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FEWEST_TRAINED = 10
"""Of fewer training prompts it cannot be told how near they are to each other."""

FARTHEST = 0.1
"""An error is far from training when it is farther than all but this share of training itself."""

NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
ANY_NUMBER = "00"
"""What stands for every number: as long as words have to be to count."""

ALIKE = 0.9
"""Errors are one group up to this mean distance (1 - cosine)."""


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Errors that speak of the same thing, by their places; ``nearest`` is their greatest likeness
    to a training prompt, ``is_far`` whether that is less than training has within itself."""

    places: tuple[int, ...]
    nearest: float
    is_far: bool


def error_groups(errors: Sequence[str], training: Sequence[str]) -> tuple[ErrorGroup, ...]:
    """Group prompts that were answered wrong, the largest group first.

    Empty where there is no error, and where training has too few prompts or no words.
    """
    if not errors or len(training) < FEWEST_TRAINED:
        return ()
    vectors = _vectors(errors, training)
    if vectors is None:
        return ()
    ours, theirs = vectors
    nearest = (ours @ theirs.T).max(axis=1).toarray().ravel()
    limit = _limit(theirs)
    groups: dict[int, list[int]] = {}
    for place, label in enumerate(_labels(ours)):
        groups.setdefault(int(label), []).append(place)
    found = (_group(places, nearest, limit) for places in groups.values())
    return tuple(sorted(found, key=lambda group: (-len(group.places), group.places)))


def _vectors(errors: Sequence[str], training: Sequence[str]) -> tuple[Any, Any] | None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=100_000)
    try:
        table = vectorizer.fit_transform(NUMBER.sub(ANY_NUMBER, t) for t in (*errors, *training))
    except ValueError:  # no words at all
        return None
    return table[: len(errors)], table[len(errors) :]


def _limit(training: Any) -> float:
    """How near all but the farthest training prompts have another one."""
    import numpy as np

    alike = (training @ training.T).toarray()
    np.fill_diagonal(alike, 0.0)
    return float(np.quantile(alike.max(axis=1), FARTHEST))


def _labels(errors: Any) -> Sequence[int]:
    if errors.shape[0] == 1:
        return [0]
    from sklearn.cluster import AgglomerativeClustering

    distances = (1 - (errors @ errors.T).toarray()).clip(min=0)
    model = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=ALIKE
    )
    found: Sequence[int] = model.fit_predict(distances)
    return found


def _group(places: Sequence[int], nearest: Any, limit: float) -> ErrorGroup:
    closest = max(float(nearest[place]) for place in places)
    return ErrorGroup(tuple(places), closest, closest < limit)
