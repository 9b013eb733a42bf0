"""Diversity of meaning: per-prompt spread of embedding vectors, and how it enters a comparison."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from harness.analysis.diversity import compare_diversity, mean_pairwise_cosine
from harness.analysis.diversity.semantic import by_embedding, spread
from harness.analysis.diversity.vendi import effective_number

RNG = np.random.default_rng(5)
WORDS = {f"w{i}": RNG.normal(size=16) for i in range(200)}


def embed(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """A text is the sum of its words' directions; one without words is nothing."""
    return np.array([sum((WORDS[w] for w in text.split()), np.zeros(16)) for text in texts])


def test_the_spread_is_that_of_brute_force() -> None:
    groups = [["w1 w2", "w3", "w4 w5 w6"], ["w7", "w8", "w9", "w7 w8"], ["w1", "w2", "w3"]]
    found = spread(groups, embed)
    for place, group in enumerate(groups):
        rows = embed(group)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        assert found.vendi[place] == pytest.approx(effective_number(rows @ rows.T))
        cosine = mean_pairwise_cosine(rows)
        assert found.dissimilarity[place] == pytest.approx(1 - cosine)


def test_equal_texts_are_one_and_orthogonal_ones_are_as_many_as_they_are() -> None:
    basis = {"a": np.eye(3)[0], "b": np.eye(3)[1], "c": np.eye(3)[2]}
    found = spread([["a", "a", "a"], ["a", "b", "c"]], lambda ts: [basis[t] for t in ts])
    assert found.vendi == pytest.approx([1, 3])
    assert found.dissimilarity == pytest.approx([0, 1])
    assert (found.dissimilarity >= 0).all()


def test_length_of_a_vector_does_not_matter_however_small() -> None:
    scales = {"a": 1.0, "b": 1e-200, "c": 1e200}
    found = spread([["a", "b", "c"]], lambda ts: [np.array([3.0, 4.0]) * scales[t] for t in ts])
    assert found.vendi == pytest.approx([1])


def test_a_text_without_a_direction_is_counted_and_its_prompt_not_scored() -> None:
    found = spread([["w1", ""], ["w1", "w2"], ["", ""]], embed)
    assert np.isnan(found.vendi).tolist() == [True, False, True]
    assert np.isnan(found.dissimilarity).tolist() == [True, False, True]
    assert found.without.tolist() == [1, 0, 2]


def test_fewer_than_two_texts_have_no_spread() -> None:
    found = spread([["w1"], [], ["w1", "w2"]], embed)
    assert np.isnan(found.vendi).tolist() == [True, True, False]
    assert np.isnan(spread([], embed).vendi).tolist() == []


def test_every_text_is_embedded_once() -> None:
    seen: list[str] = []

    def noting(texts: Sequence[str]) -> npt.NDArray[np.float64]:
        seen.extend(texts)
        return embed(texts)

    spread([["w1", "w2", "w1"], ["w2", "w3"]], noting)
    assert sorted(seen) == ["w1", "w2", "w3"]


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (np.zeros(2), "2 texts need an array of 2 rows"),
        (np.ones((3, 4)), "2 rows, not one of"),
        ([[1.0, np.nan], [1.0, 2.0]], "NaN or infinity"),
    ],
)
def test_what_is_no_vector_for_each_text_is_refused(vectors: npt.ArrayLike, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        spread([["a", "b"]], lambda _: vectors)


def arm(rng: np.random.Generator, words: int) -> list[list[str]]:
    """Answers of ten words out of so many, for 24 prompts."""
    return [[" ".join(f"w{i}" for i in rng.integers(0, words, 10)) for _ in range(8)]
            for _ in range(24)]  # fmt: skip


def test_a_verdict_needs_the_meanings_too() -> None:
    rng = np.random.default_rng(1)
    wide, narrow = arm(rng, 200), arm(rng, 6)
    metrics = ("self_bleu", *by_embedding(embed))
    compared = compare_diversity(narrow, wide, metrics)
    assert compared.verdict == "less diverse"
    assert compared["embedding_vendi"].ratio.value < 0.9
    assert compared["embedding_dissimilarity"].verdict == "less diverse"
    # The same narrow words, but every text means something else: words alone do not decide.
    random = lambda texts: np.random.default_rng(0).normal(size=(len(texts), 256))  # noqa: E731
    assert compare_diversity(narrow, wide, ("self_bleu", *by_embedding(random))).verdict == (
        "not shown"
    )
    assert compare_diversity(narrow, wide, ("self_bleu",)).verdict == "less diverse"


def test_a_model_is_not_less_diverse_than_itself() -> None:
    said = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        said.append(compare_diversity(arm(rng, 50), arm(rng, 50), by_embedding(embed)).verdict)
    assert said.count("less diverse") <= 1
