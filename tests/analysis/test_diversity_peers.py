"""The metrics beside other libraries and beside plain search, on texts of many scripts."""

import math
import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import LCSseq

from benchmarks.variety.peers import peers
from harness.analysis import diversity
from harness.analysis.diversity import (
    distinct_n,
    expected_distinct_n,
    ngram_entropy,
    rouge_l_homogenization,
    self_repetition,
    vendi,
)
from harness.analysis.diversity.bleu import text_bleus
from harness.analysis.diversity.tokens import tokenize

pytestmark = pytest.mark.long

WORDS = [
    "the",
    "cat",
    "incomprehensibly",
    "猫",
    "我爱你",
    "ภาษา",
    "שלום",
    "مرحبا",
    "👍",
    "👩‍👩‍👧",
    "é",
]
TEXT = st.lists(st.sampled_from(WORDS), max_size=10).map(" ".join)
TEXTS = st.lists(TEXT, min_size=2, max_size=7)
LONG = st.lists(st.sampled_from(WORDS), min_size=4, max_size=10).map(" ".join)
EQUALLY_LONG = st.lists(st.sampled_from(WORDS), min_size=6, max_size=6).map(" ".join)
LONG_TEXTS = st.lists(LONG, min_size=2, max_size=7)
WIDE = [
    [""] * 3,
    ["one", "", "two"],
    ["same text twice over"] * 4,
    ["👍", "👍👍", "👎"],
    ["我今天很高兴", "我今天很难过", "你好"],
    ["ภาษาไทยง่าย", "ภาษาไทยยาก"],
    ["שלום עולם טוב", "שלום עולם רע", "مرحبا بالعالم"],
]
every_kind = [example(texts) for texts in WIDE]


def with_examples(test):
    for given_example in every_kind:
        test = given_example(test)
    return test


@pytest.fixture(scope="module")
def others():
    return peers(install=False)


def called(peer):
    if peer.call is None:
        pytest.skip(f"{peer.name}: {peer.missing}")
    return peer.call


def grams_of(texts, n):
    tokens = [tokenize(text) for text in texts]
    return [[tuple(t[i : i + n]) for i in range(len(t) - n + 1)] for t in tokens]


@with_examples
@given(TEXTS)
@settings(max_examples=120)
def test_counting_metrics_are_those_of_plain_counts(texts):
    for n in (1, 2, 3, 4):
        rows = grams_of(texts, n)
        counts = Counter(gram for row in rows for gram in row)
        total = counts.total()
        if not total:
            assert all(
                math.isnan(f(texts, n)) for f in (distinct_n, ngram_entropy, self_repetition)
            )
            continue
        assert distinct_n(texts, n) == pytest.approx(len(counts) / total)
        expected = 50 * (1 - (49 / 50) ** total)
        assert expected_distinct_n(texts, n, vocabulary=50) == pytest.approx(len(counts) / expected)
        entropy = -sum(c / total * math.log(c / total) for c in counts.values())
        assert ngram_entropy(texts, n) == pytest.approx(entropy, abs=1e-12)
        with_gram = Counter(gram for row in rows for gram in set(row))
        returns = [sum(with_gram[g] - 1 for g in set(row)) for row in rows]
        repetition = np.mean([math.log(1 + count) for count in returns])
        assert self_repetition(texts, n) == pytest.approx(repetition)


@with_examples
@given(TEXTS)
@settings(max_examples=80)
def test_rouge_l_is_rapidfuzz_on_tokens(texts):
    tokens = [tokenize(text) for text in texts]
    if not any(tokens):
        assert math.isnan(rouge_l_homogenization(texts))
        return
    pairs = [
        2 * LCSseq.similarity(a, b) / (len(a) + len(b)) if a or b else 1.0
        for i, a in enumerate(tokens)
        for b in tokens[:i]
    ]
    assert rouge_l_homogenization(texts) == pytest.approx(np.mean(pairs))


@settings(max_examples=40)
@given(texts=st.lists(TEXT.filter(bool), min_size=2, max_size=5))
def test_rouge_l_is_rouge_scores_where_it_sees_the_tokens(others, texts):
    theirs = called(others["rouge-score"])(texts)
    assert rouge_l_homogenization(texts, tokenizer="whitespace") == pytest.approx(theirs)


@settings(max_examples=40)
@given(texts=LONG_TEXTS)
def test_ngram_vendi_is_vendi_scores(others, texts):
    theirs = called(others["vendi-score"])(texts)
    assert vendi(texts, max_n=4, tokenizer="whitespace") == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("shape", [(20, 5), (5, 20)])
def test_vector_vendi_is_vendi_scores(others, shape):
    vectors = np.random.default_rng(0).normal(size=shape)
    theirs = called(others["vendi-score vectors"])(vectors)
    assert diversity.vector_vendi(vectors) == pytest.approx(theirs)


def test_mean_cosine_is_sklearns(others):
    vectors = np.random.default_rng(0).normal(size=(30, 8))
    theirs = called(others["sklearn"])(vectors)
    assert diversity.mean_pairwise_cosine(vectors) == pytest.approx(theirs)


@settings(max_examples=40)
@given(texts=TEXTS)
def test_self_repetition_is_that_of_diversity(others, texts):
    repetition = called(others["diversity self-repetition"])
    if any(len(text.split()) >= 4 for text in texts):
        ours = self_repetition(texts, tokenizer="whitespace")
        assert ours == pytest.approx(repetition(texts))


def test_distinct_n_is_that_of_diversity_but_for_grams_across_texts(others):
    texts = ["a b c d e f g", "h i j k l m n"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        joined = called(others["diversity distinct-n"])([" ".join(texts)])
    ours = sum(distinct_n([" ".join(texts), ""], n) for n in (1, 2, 3, 4))
    assert ours == pytest.approx(joined, abs=1e-3)


@settings(max_examples=25)
@given(texts=st.lists(EQUALLY_LONG, min_size=2, max_size=7))
def test_self_bleu_is_that_of_fast_bleu_where_its_lengths_are_right(others, texts):
    theirs = called(others["fast-bleu self-BLEU"])(texts)
    ours = text_bleus(diversity.encode([texts], "whitespace"))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@with_examples
@given(TEXTS)
@settings(max_examples=60)
def test_no_metric_leaves_its_range(texts):
    n = len(texts)
    found = diversity.measure(
        [texts], ["self_bleu", "vendi", "vendi_2", "distinct_k", "distinct_1"]
    )
    tops = {"self_bleu": 1, "vendi": n, "vendi_2": n, "distinct_k": n, "distinct_1": 1}
    for name, top in tops.items():
        value = found[name].per_prompt[0]
        assert math.isnan(value) or -1e-12 <= value <= top + 1e-9
