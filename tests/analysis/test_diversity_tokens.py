import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.diversity import distinct_n, encode
from harness.analysis.diversity.tokens import folded, tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Well-known, isn't it?", ["Well", "-", "known", ",", "isn't", "it", "?"]),
        ("Zoë's café — naïve", ["Zoë's", "café", "—", "naïve"]),
        ("我爱猫。", ["我", "爱", "猫", "。"]),
        ("GPT模型v2", ["GPT", "模", "型", "v2"]),
        ("カタカナ", ["カ", "タ", "カ", "ナ"]),
        ("ไทย", ["ไ", "ท", "ย"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("ok👍👍", ["ok", "👍", "👍"]),
        ("author_207 3.5", ["author_207", "3", ".", "5"]),
        ("", []),
        (" \n", []),
    ],
)
def test_words_of_many_scripts(text, tokens):
    assert tokenize(text) == tokens


@given(st.text())
def test_whitespace_tokens_are_those_of_split(text):
    assert tokenize(text, "whitespace") == folded_nothing(text).split()


def folded_nothing(text):
    from unicodedata import normalize

    return normalize("NFC", text)


@given(st.text())
def test_no_tokenizer_loses_a_visible_character(text):
    visible = "".join(folded_nothing(text).split())
    assert "".join(tokenize(text)) == visible
    assert "".join(tokenize(text, "characters")) == visible


def test_composed_and_decomposed_letters_are_one_token():
    assert tokenize("cafe\u0301") == tokenize("caf\u00e9")
    assert folded("  CAFE\u0301\t x ") == "caf\u00e9 x"


def test_chinese_sentences_do_not_look_all_distinct():
    sentences = ["我今天很高兴", "我今天很难过"]
    assert distinct_n(sentences, 1, tokenizer="whitespace") == 1
    assert distinct_n(sentences, 1) == pytest.approx(8 / 12)


def test_a_corpus_remembers_how_it_was_cut():
    corpus = encode([["a b", "c"], [], ["a"]], "whitespace")
    assert corpus.tokenizer == "whitespace"
    assert corpus.k.tolist() == [2, 0, 1]
    assert [ids.tolist() for ids in corpus.documents()] == [[0, 1], [2], [0]]
