from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.diversity import encode

WORDS = st.sampled_from(["a", "b", "c", "猫", "ไ", "👍"])
GROUPS = st.lists(
    st.lists(st.lists(WORDS, max_size=9).map(" ".join), max_size=5), min_size=1, max_size=4
)


def grams_of(text, n):
    tokens = text.split()
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


@settings(max_examples=300)
@given(GROUPS, st.integers(1, 5))
def test_the_table_holds_all_grams_that_occur_twice(groups, n):
    corpus = encode(groups, "whitespace")
    table = corpus.table(n)
    expected, text = Counter(), 0
    for group in groups:
        totals = Counter(gram for one in group for gram in grams_of(one, n))
        for one in group:
            counts = Counter(grams_of(one, n))
            for gram, count in counts.items():
                if totals[gram] > 1:
                    expected[(text, count, totals[gram])] += 1
            text += 1
    rows = zip(
        table.documents.tolist(),
        table.counts.tolist(),
        table.totals[table.grams].tolist(),
        strict=True,
    )
    assert Counter(rows) == expected


@settings(max_examples=100)
@given(GROUPS, st.integers(1, 4))
def test_rows_are_sorted_and_places_name_their_grams(groups, n):
    corpus = encode(groups, "whitespace")
    table = corpus.table(n)
    keys = list(zip(table.grams.tolist(), table.documents.tolist(), strict=True))
    assert keys == sorted(set(keys))
    assert table.texts_with.sum() == table.grams.size
    named = table.at[table.places]
    assert (named >= 0).all()
    assert (named[1:] >= named[:-1]).all()
    assert (table.at >= 0).sum() == table.places.size == table.counts.sum()
    prompts = corpus.prompts[table.documents]
    assert (prompts == prompts[table.first][table.grams]).all()


def test_tables_are_made_once():
    corpus = encode([["a b a b", "a b"]])
    assert corpus.table(3) is corpus.table(3)
    assert corpus.table(1).n == 1
    assert corpus.table(9).size == 0


def test_grams_of_no_tokens_are_refused():
    with pytest.raises(ValueError, match="at least one token"):
        encode([["a"]]).table(0)
