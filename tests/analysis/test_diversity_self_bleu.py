import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from harness.analysis.diversity import encode, self_bleu
from harness.analysis.diversity.bleu import text_bleus
from harness.analysis.diversity.tokens import tokenize

A = ["the cat sat on the mat", "the cat sat on the rug", "a dog ran in the park today"]

TOKENS = st.sampled_from(["the", "a", "cat", "sat", "猫", "我", "👍", "ok", "."])
SENTENCES = st.lists(TOKENS, max_size=12).map(" ".join)


def nltk_scores(texts):
    tokens = [tokenize(text) for text in texts]
    smooth = SmoothingFunction().method1
    return [
        sentence_bleu(tokens[:i] + tokens[i + 1 :], words, smoothing_function=smooth)
        for i, words in enumerate(tokens)
    ]


def test_toy_set():
    scores = text_bleus(encode([A]))
    assert scores == pytest.approx([0.7598356857, 0.7598356857, 0.0330316432], abs=1e-10)
    assert self_bleu(A) == pytest.approx(0.517567671494441, abs=1e-15)


@settings(max_examples=300)
@given(st.lists(SENTENCES, min_size=2, max_size=8))
@example(["", ""])
@example(["", "a"])
@example(["a", "a"])
@example(["a", "b"])
@example(["the cat sat on", "the cat sat on"])
@example(["我爱猫猫猫", "猫爱我", ""])
@example(["👍👍👍", "👍👍", "ok 👍"])
def test_every_bit_is_nltks(texts):
    assert text_bleus(encode([texts])).tolist() == nltk_scores(texts)


@settings(max_examples=60)
@given(st.lists(st.lists(SENTENCES, min_size=2, max_size=5), min_size=2, max_size=4))
def test_every_bit_is_nltks_for_all_prompts_in_one_pass(groups):
    together = text_bleus(encode(groups)).tolist()
    assert together == [score for group in groups for score in nltk_scores(group)]


@settings(max_examples=100)
@given(st.lists(st.text(max_size=30), min_size=2, max_size=6))
def test_every_bit_is_nltks_on_any_text(texts):
    assert text_bleus(encode([texts])).tolist() == nltk_scores(texts)


def test_long_texts_of_a_natural_vocabulary_too():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{int(i)}" for i in rng.zipf(1.3, rng.integers(40, 80))) for _ in range(30)]
    assert text_bleus(encode([texts])).tolist() == nltk_scores(texts)


def test_short_identical_texts_are_smoothed_as_in_nltk():
    assert self_bleu(["a b", "a b"]) == pytest.approx(0.3162, abs=1e-4)
    assert self_bleu(["a b", "a b"], order=2) == 1


@settings(max_examples=150)
@given(st.lists(SENTENCES, min_size=2, max_size=6))
def test_short_texts_may_have_an_order_of_their_own(texts):
    tokens = [tokenize(text) for text in texts]
    smooth = SmoothingFunction().method1
    expected = []
    for i, words in enumerate(tokens):
        order = min(4, max(1, len(words)))
        others = tokens[:i] + tokens[i + 1 :]
        weights = (1 / order,) * order
        expected.append(sentence_bleu(others, words, weights, smoothing_function=smooth))
    assert text_bleus(encode([texts]), short="own order").tolist() == expected


def test_identical_short_texts_are_identical_at_their_own_order():
    assert self_bleu(["a b", "a b"], short="own order") == pytest.approx(1, abs=1e-12)


def test_an_order_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one token"):
        self_bleu(A, order=0)


def test_it_rises_with_the_number_of_texts():
    rng = np.random.default_rng(1)
    texts = [" ".join(f"w{int(i)}" for i in rng.zipf(1.5, 40)) for _ in range(60)]
    assert self_bleu(texts[:5]) < self_bleu(texts[:20]) < self_bleu(texts)


def test_a_text_alone_has_none():
    assert math.isnan(self_bleu(["only one"]))
