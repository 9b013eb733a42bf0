import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis import diversity
from harness.analysis.diversity import (
    compression_ratio,
    distinct_k,
    distinct_n,
    duplicate_rate,
    expected_distinct_n,
    mean_pairwise_cosine,
    ngram_entropy,
    per_prompt_distinct_n,
    rouge_l_homogenization,
    self_bleu,
    self_repetition,
    vendi,
)
from harness.analysis.diversity.metrics import MEASURES
from harness.analysis.diversity.tokens import encode

A = ["the cat sat on the mat", "the cat sat on the rug", "a dog ran in the park today"]
WORDS = st.sampled_from(["a", "b", "c", "the", "猫", "👍", "don't", "."])
TEXTS = st.lists(st.lists(WORDS, max_size=9).map(" ".join), min_size=2, max_size=7)

POOLED_AND_PER_PROMPT = [
    (lambda texts: distinct_n(texts, 2), lambda groups: per_prompt_distinct_n(groups, 2)),
    (
        lambda texts: ngram_entropy(texts, 2),
        lambda groups: diversity.per_prompt_ngram_entropy(groups, 2),
    ),
    (self_bleu, diversity.per_prompt_self_bleu),
    (self_repetition, diversity.per_prompt_self_repetition),
    (duplicate_rate, diversity.per_prompt_duplicate_rate),
    (vendi, diversity.per_prompt_vendi),
    (rouge_l_homogenization, diversity.per_prompt_rouge_l_homogenization),
    (distinct_k, diversity.per_prompt_distinct_k),
]
every_metric = pytest.mark.parametrize(("pooled", "per_prompt"), POOLED_AND_PER_PROMPT)


@pytest.mark.parametrize(("n", "expected"), [(1, 12 / 19), (2, 12 / 16), (3, 10 / 13), (4, 8 / 10)])
def test_distinct_n_of_the_toy_set(n, expected):
    assert distinct_n(A, n) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("n", "expected"), [(1, 0.631692), (2, 0.750112), (3, 0.769323), (4, 0.800072)]
)
def test_expected_distinct_n_of_the_toy_set(n, expected):
    assert expected_distinct_n(A, n) == pytest.approx(expected, abs=1e-6)


def test_entropy_of_the_toy_set():
    assert ngram_entropy(A, 1) == pytest.approx(2.302014, abs=1e-6)
    assert ngram_entropy(A, 2) == pytest.approx(2.426015, abs=1e-6)


def test_self_repetition_of_the_toy_set():
    assert self_repetition(A) == pytest.approx(0.7324081924, abs=1e-9)


def test_rouge_l_of_the_toy_set():
    assert rouge_l_homogenization(A) == pytest.approx(0.38, abs=1e-3)


def test_vendi_of_the_toy_set():
    assert vendi(A) == pytest.approx(2.1334128160, abs=1e-9)
    assert vendi(A, q=2) == pytest.approx(1.868397, abs=1e-6)


def test_mean_cosine_of_the_toy_set():
    words = sorted({word for text in A for word in text.split()})
    counts = [[text.split().count(word) for word in words] for text in A]
    assert mean_pairwise_cosine(counts) == pytest.approx(0.469841, abs=1e-6)


def test_compression_ratio_rises_with_repetition():
    assert compression_ratio(A * 20) > compression_ratio(A) > 0


@every_metric
@settings(max_examples=40)
@given(groups=st.lists(TEXTS | st.just(["alone"]) | st.just([]), min_size=1, max_size=4))
def test_a_prompt_scores_the_same_alone_as_among_others(pooled, per_prompt, groups):
    together = per_prompt(groups)
    alone = np.array([pooled(group) for group in groups])
    np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-12)


@every_metric
@pytest.mark.parametrize("texts", [[], ["just one text of five words"]])
def test_fewer_than_two_texts_have_no_diversity(pooled, per_prompt, texts):
    assert math.isnan(pooled(texts))
    assert np.isnan(per_prompt([texts, texts])).all()
    assert len(per_prompt([])) == 0


@pytest.mark.parametrize(
    "metric",
    [
        lambda t: distinct_n(t, 1),
        lambda t: ngram_entropy(t, 1),
        self_repetition,
        vendi,
        rouge_l_homogenization,
    ],
)
def test_texts_without_grams_have_no_diversity(metric):
    assert math.isnan(metric(["", " "]))


def test_texts_too_short_for_an_order_have_none():
    assert math.isnan(distinct_n(["a b", "c"], 3))
    assert math.isnan(self_repetition(["a b c", "a b c"]))


@pytest.mark.parametrize(("pooled", "_"), POOLED_AND_PER_PROMPT[:-1])  # distinct_k is greedy
@given(texts=TEXTS, seed=st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_the_order_of_texts_does_not_matter(pooled, _, texts, seed):
    shuffled = list(texts)
    seed.shuffle(shuffled)
    assert pooled(shuffled) == pytest.approx(pooled(texts), rel=1e-9, nan_ok=True)


def test_no_gram_crosses_from_one_text_to_the_next():
    assert distinct_n(["a b", "a b"], 2) == 0.5
    assert self_repetition(["x a b c", "d x a b"]) == 0


def test_identical_texts_are_one_effective_text():
    same = ["one two three four five six"] * 5
    assert vendi(same) == pytest.approx(1)
    assert distinct_k(same) == 1
    assert duplicate_rate(same) == pytest.approx(0.8)
    assert self_bleu(same) == 1
    assert rouge_l_homogenization(same) == 1


def test_texts_with_nothing_in_common_count_fully():
    apart = ["a b c d e f", "g h i j k l", "m n o p q r"]
    assert vendi(apart) == pytest.approx(3)
    assert vendi(apart, q=2) == pytest.approx(3)
    assert distinct_k(apart) == 3
    assert self_bleu(apart) == 0
    assert rouge_l_homogenization(apart) == 0


@given(TEXTS.filter(lambda texts: all(texts)))
@settings(max_examples=40)
def test_vendi_is_the_entropy_of_the_kernels_eigenvalues(texts):
    for max_n, q in [(1, 1), (1, 2), (1, 0.5), (2, 1)]:
        if any(len(text.split()) < max_n for text in texts):
            continue
        ours = vendi(texts, q=q, max_n=max_n, tokenizer="whitespace")
        assert ours == pytest.approx(direct_vendi(texts, q, max_n), rel=1e-6)


def direct_vendi(texts, q, max_n):
    total = sum(cosine_kernel(texts, n) for n in range(1, max_n + 1)) / max_n
    shares = np.linalg.eigvalsh(total / len(texts))
    shares = shares[shares > 1e-14]
    if q == 1:
        return math.exp(-(shares * np.log(shares)).sum())
    return (shares**q).sum() ** (1 / (1 - q))


def cosine_kernel(texts, n):
    tokens = [text.split() for text in texts]
    grams = [[tuple(t[i : i + n]) for i in range(len(t) - n + 1)] for t in tokens]
    names = sorted({gram for row in grams for gram in row})
    counts = np.array([[row.count(name) for name in names] for row in grams], dtype=float)
    counts /= np.linalg.norm(counts, axis=1, keepdims=True)
    return counts @ counts.T


def test_a_text_without_words_leaves_vendi_undefined():
    assert math.isnan(vendi(["a b", ""]))


def test_a_vector_of_zeros_is_reported():
    with pytest.raises(ValueError, match="row 1"):
        mean_pairwise_cosine([[1.0, 0.0], [0.0, 0.0]])
    assert math.isnan(mean_pairwise_cosine([[1.0, 0.0]]))


@given(TEXTS.filter(lambda texts: any(texts)))
@settings(max_examples=40)
def test_rouge_l_is_the_mean_over_pairs(texts):
    tokens = [text.split() for text in texts]
    pairs = [f1(a, b) for i, a in enumerate(tokens) for b in tokens[i + 1 :]]
    ours = rouge_l_homogenization(texts, tokenizer="whitespace")
    assert ours == pytest.approx(sum(pairs) / len(pairs), abs=1e-9)


def f1(first, second):
    """2 LCS / (m + n); two empty texts are alike."""
    row = [0] * (len(second) + 1)
    for a in first:
        above = row
        row = [0]
        for j, b in enumerate(second):
            row.append(above[j] + 1 if a == b else max(above[j + 1], row[-1]))
    return 2 * row[-1] / (len(first) + len(second)) if first or second else 1.0


def test_short_answers_are_the_same_when_half_their_words_are():
    assert distinct_k(["New York City", "york city!", "Boston"]) == 2


def test_a_full_stop_in_common_makes_nothing_alike():
    assert distinct_k(["Paris.", "London.", "paris"]) == 2


def test_emoji_answers_differ():
    assert distinct_k(["👍", "👎", "👍"]) == 2


def test_long_answers_are_the_same_above_the_rouge_threshold():
    first = "my favourite colour is a deep blue because of the sea"
    near = "my favourite colour is a deep green because of the trees"
    far = "honestly purple wins every time for me and always has done"
    assert distinct_k([first, near, far]) == 2


def test_duplicates_ignore_case_and_whitespace():
    assert duplicate_rate(["Yes, I do", "yes,  i DO\n", "no"]) == pytest.approx(1 / 3)


@pytest.mark.parametrize("metric", [distinct_n, ngram_entropy, self_repetition])
def test_grams_of_no_tokens_are_refused(metric):
    with pytest.raises(ValueError, match="at least one token"):
        metric(A, 0)


def test_unknown_tokenizer_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="words"):
        distinct_n(A, 1, tokenizer="word")


def test_a_prompts_value_depends_on_its_own_texts_alone_to_the_last_bit() -> None:
    draw = random.Random(1)
    words = [f"w{i}" if i % 5 else f"longlongword{i}" for i in range(300)] + ["é", "日本", "."]
    odds = [1 / (i + 1) for i in range(len(words))]
    texts = [" ".join(draw.choices(words, odds, k=draw.randint(0, 30))) for _ in range(400)]
    groups = [texts[start : start + 1 + start % 9] for start in range(0, 390, 9)]
    whole = encode(groups)
    for name, measure in MEASURES.items():
        parts = [measure.values(encode(groups[at : at + 5])) for at in range(0, len(groups), 5)]
        together = measure.values(whole)
        assert np.array_equal(together, np.concatenate(parts), equal_nan=True), name
