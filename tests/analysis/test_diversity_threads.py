"""Sums of floats depend on their order: no last digit may depend on the number of cores."""

from __future__ import annotations

import random

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from harness.analysis.diversity import mean_pairwise_cosine, vector_vendi, vendi


@pytest.mark.parametrize("shape", [(900, 300), (300, 900)])
def test_the_spread_of_vectors_is_the_same_by_any_number_of_threads(
    shape: tuple[int, int],
) -> None:
    vectors = np.random.default_rng(1).normal(size=shape)
    found = set()
    for threads in (1, 2, 4):
        with threadpool_limits(threads, "blas"):
            found.add((vector_vendi(vectors), mean_pairwise_cosine(vectors)))
    assert len(found) == 1


def test_the_spread_of_texts_is_the_same_by_any_number_of_threads() -> None:
    rng = random.Random(2)
    texts = [" ".join(f"w{rng.randint(0, 60)}" for _ in range(20)) for _ in range(800)]
    found = set()
    for threads in (1, 2, 4):
        with threadpool_limits(threads, "blas"):
            found.add(vendi(texts))
    assert len(found) == 1
