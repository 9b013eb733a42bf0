"""How different the meanings of a prompt's texts are, by vectors from an embedding model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.analysis.diversity.comparison import Metric
from harness.analysis.diversity.tokens import Corpus, FloatArray, Groups
from harness.analysis.diversity.vectors import mean_pairwise_cosine, vector_vendi

Embed = Callable[[Sequence[str]], npt.ArrayLike]
"""Texts to vectors, (n, d); a text that has none gets a row of zeros."""

VENDI, DISSIMILARITY = "embedding_vendi", "embedding_dissimilarity"


@dataclass(frozen=True, slots=True)
class Spread:
    """How far apart the vectors of each prompt's texts are, (P,) each.

    ``vendi`` is the effective number of different meanings (1 to k), ``dissimilarity`` is
    1 - the mean pairwise cosine: 0 where all point the same way, at most k / (k - 1), so no
    share. Both are NaN for fewer than 2 texts, and where ``without`` counts texts whose vector is
    zero: these have no direction.
    """

    vendi: FloatArray
    dissimilarity: FloatArray
    without: npt.NDArray[np.int64]


def spread(groups: Groups, embed: Embed) -> Spread:
    """The spread of each prompt's texts; all texts are embedded in one call, each once.

    Raises:
        ValueError: the vectors are not one row of finite numbers for each text.
    """
    distinct = list(dict.fromkeys(text for group in groups for text in group))
    vectors = rows_for(len(distinct), embed(distinct) if distinct else np.zeros((0, 1)))
    has_none = np.logical_not(vectors.any(axis=1))
    place = {text: row for row, text in enumerate(distinct)}
    found = Spread(
        np.full(len(groups), np.nan),
        np.full(len(groups), np.nan),
        np.zeros(len(groups), dtype=np.int64),
    )
    for prompt, group in enumerate(groups):
        rows = [place[text] for text in group]
        found.without[prompt] = has_none[rows].sum()
        if len(rows) > 1 and not found.without[prompt]:
            found.vendi[prompt] = vector_vendi(vectors[rows])
            cosine = mean_pairwise_cosine(vectors[rows])
            found.dissimilarity[prompt] = max(0.0, 1 - cosine)  # equal texts: not -1e-17
    return found


def rows_for(count: int, vectors: npt.ArrayLike) -> npt.NDArray[Any]:
    """The vectors as an array of so many rows."""
    rows = np.asarray(vectors)
    if rows.ndim != 2 or len(rows) != count:
        raise ValueError(f"{count} texts need an array of {count} rows, not one of {rows.shape}")
    return rows


def semantic_metrics(spread_of: Callable[[Corpus], Spread]) -> tuple[Metric, Metric]:
    """The metrics of meaning that enter `compare_diversity`, by what measures a corpus."""
    return (
        Metric(VENDI, lambda corpus: spread_of(corpus).vendi, "count", "semantic"),
        Metric(DISSIMILARITY, lambda corpus: spread_of(corpus).dissimilarity, "count", "semantic"),
    )


def by_embedding(embed: Embed) -> tuple[Metric, Metric]:
    """The same metrics by the vectors of an embedding model."""
    return semantic_metrics(lambda corpus: spread(groups_of(corpus), embed))


def groups_of(corpus: Corpus) -> Groups:
    """The texts of each prompt."""
    return [corpus.texts[texts] for texts in corpus.prompt_slices()]
