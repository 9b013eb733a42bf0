"""A diversity metric: the share of words that a prompt's answers do not have in common."""

from __future__ import annotations

import numpy as np

from harness.analysis.diversity.metrics import PromptMetric
from harness.analysis.diversity.tokens import Corpus, FloatArray


def word_share(corpus: Corpus) -> FloatArray:
    """1 - |words of all answers| / |words of any|, (P,); NaN with fewer than 2 texts."""
    return np.array([_of(corpus.texts[part]) for part in corpus.prompt_slices()], float)


def _of(texts: tuple[str, ...]) -> float:
    words = [set(text.casefold().split()) for text in texts]
    if len(words) < 2 or not any(words):
        return float("nan")
    return 1 - len(set.intersection(*words)) / len(set.union(*words))


WORD_SHARE = PromptMetric("words not shared by all", word_share, "higher", "fewer than 2 texts")
