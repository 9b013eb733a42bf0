"""How different the meanings of a prompt's texts are, by vectors from an embedding model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.analysis.diversity.comparison import Metric
from harness.analysis.diversity.tokens import Corpus, FloatArray, Groups
from harness.analysis.diversity.vendi import effective_number

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
    units = unit_rows(embed(distinct) if distinct else np.zeros((0, 1)), len(distinct))
    place = {text: row for row, text in enumerate(distinct)}
    rows = [np.array([place[text] for text in group], dtype=np.intp) for group in groups]
    zero = np.logical_not(units.any(axis=1, keepdims=True))[:, 0]
    found = Spread(
        np.full(len(rows), np.nan),
        np.full(len(rows), np.nan),
        np.array([zero[row].sum() for row in rows], dtype=np.int64),
    )
    sizes = np.array([row.size for row in rows], dtype=np.int64)
    for k in np.unique(sizes[(sizes > 1) & (found.without == 0)]):
        prompts = np.flatnonzero((sizes == k) & (found.without == 0))
        vectors = units[np.stack([rows[prompt] for prompt in prompts])]
        kernel = vectors @ vectors.swapaxes(1, 2)
        kernel[:, np.arange(k), np.arange(k)] = 1.0
        found.vendi[prompts] = effective_number(kernel)
        cosines = (kernel.sum(axis=(1, 2)) - k) / (k * (k - 1))
        found.dissimilarity[prompts] = np.clip(1 - cosines, 0.0, None)  # equal texts: not -1e-17
    return found


def unit_rows(vectors: npt.ArrayLike, count: int) -> FloatArray:
    """The vectors at length 1, (count, d); rows of zeros stay zero."""
    rows = np.asarray(vectors, dtype=np.float64)
    if rows.ndim != 2 or len(rows) != count:
        raise ValueError(f"{count} texts need an array of {count} rows, not one of {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError("a vector holds NaN or infinity")
    # A vector of tiny numbers has a direction, but the square of its length would be 0.
    largest = np.abs(rows).max(axis=1, initial=0.0, keepdims=True)
    scaled = rows / np.where(largest > 0, largest, 1.0)
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    return np.asarray(scaled / np.where(lengths > 0, lengths, 1.0))


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
