import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.analysis.diversity import compare_diversity, cutting, encode, tokenizer_name
from harness.analysis.diversity.tokens import PATTERNS, nfc, token_spans

PIECES = st.sampled_from(
    [
        "the",
        "don't",
        "’",
        "'",
        "x'y'z",
        "a''b",
        "incomprehensibilities",
        "incomprehensibilitiez",
        "12345678",
        "123456789",
        "猫",
        "我爱猫。",
        "ภาษาไทย",
        "שלום",
        "مرحبا، عالم",
        "👍🏽",
        "👩‍👩‍👧",
        "e\u0301",
        "\u200b",
        "\x00",
        "a\x00",
        "\ud800",
        "_",
        "—",
        " ",
        "\n",
        "\u3000",
        "\x1c",
        "\x85",
    ]
)
MIXED = st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=20)
TEXTS = st.lists(MIXED, max_size=6)


def plain_ids(texts, tokenizer):
    numbers = {}
    pattern = PATTERNS[tokenizer]
    return [[numbers.setdefault(t, len(numbers)) for t in pattern.findall(nfc(x))] for x in texts]


def renumbered(documents):
    numbers = {}
    return [[numbers.setdefault(i, len(numbers)) for i in ids.tolist()] for ids in documents]


@pytest.mark.parametrize("tokenizer", sorted(PATTERNS))
@settings(max_examples=250)
@given(texts=TEXTS)
@example(texts=["", "a", ""])
@example(texts=["\x00", "a\x00 a a"])
@example(texts=["12345678 123456789 12345678\x00"])
def test_texts_are_cut_as_the_patterns_say(tokenizer, texts):
    corpus = encode([texts], tokenizer)
    assert renumbered(corpus.documents()) == plain_ids(texts, tokenizer)
    assert corpus.ids.max(initial=-1) < corpus.size


@settings(max_examples=150)
@given(texts=TEXTS, size=st.integers(0, 12))
def test_a_token_is_the_same_in_every_chunk(texts, size):
    whole = encode([texts]).documents()
    chunk, cutting.CHUNK = cutting.CHUNK, size
    try:
        parts = encode([texts]).documents()
    finally:
        cutting.CHUNK = chunk
    assert renumbered(parts) == renumbered(whole)


def test_equal_tokens_of_different_prompts_are_equal():
    corpus = encode([["a b"], ["b a"]])
    first, second = corpus.documents()
    assert first.tolist() == second.tolist()[::-1]


def test_a_tokenizer_of_ones_own_is_used_and_named():
    def syllables(text):
        return re.findall(r"[^aeiou\s]*[aeiou]", text)

    corpus = encode([["banana", "nana"]], syllables)
    assert corpus.lengths.tolist() == [3, 2]
    assert renumbered(corpus.documents()) == [[0, 1, 1], [1, 1]]
    assert corpus.tokenizer_name.endswith("syllables")
    assert tokenizer_name("words") == "words"


def test_ones_own_tokens_are_found_in_the_text_in_order():
    assert token_spans("ab ab", str.split) == [(0, 2), (3, 5)]
    with pytest.raises(ValueError, match=r"gave 'x', which is not in the text after character 2"):
        token_spans("ab", lambda text: ["ab", "x"])


def test_models_are_compared_by_ones_own_tokens():
    def pairs(text):
        return re.findall(r"..", text)

    compared = compare_diversity(
        [["abababcd"] * 4] * 6, [["abcdefgh", "ijklmnop"] * 2] * 6, tokenizer=pairs
    )
    assert compared.match.tokens == (4,) * 6
    assert compared.match.tokenizer.endswith("pairs")
    assert compared["distinct_4"].tuned.value < compared["distinct_4"].base.value


def test_no_texts_have_no_tokens():
    corpus = encode([[], []])
    assert corpus.ids.size == 0
    assert corpus.n_prompts == 2
    assert np.array_equal(corpus.k, [0, 0])
