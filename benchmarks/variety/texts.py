"""Made-up texts of about 100 words with the word frequencies of natural text."""

from __future__ import annotations

import numpy as np

VOCABULARY, WORDS = 20_000, 100


def natural_texts(count: int, seed: int = 0) -> list[str]:
    """Random texts whose words follow Zipf's law."""
    rng = np.random.default_rng(seed)
    odds = 1 / np.arange(1, VOCABULARY + 1)
    lengths = rng.integers(WORDS - 20, WORDS + 20, count)
    words = rng.choice(VOCABULARY, int(lengths.sum()), p=odds / odds.sum())
    names = [f"w{word}" for word in range(VOCABULARY)]
    parts = np.split(words, np.cumsum(lengths)[:-1])
    return [" ".join(map(names.__getitem__, part.tolist())) for part in parts]
