from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.translate.bleu_score import sentence_bleu
from nltk.translate.gleu_score import sentence_gleu
from nltk.translate.meteor_score import single_meteor_score
from rapidfuzz import fuzz, utils

from harness.graders.similarity import (
    METRICS,
    bleu,
    cosine,
    fuzzy_match,
    gleu,
    meteor,
    rouge_l,
    rouge_n,
    tokens,
    words,
)

WORDS = st.lists(st.sampled_from(["a", "b", "the", "cat", "sat", "."]), max_size=14).map(" ".join)
LONG = st.lists(st.sampled_from(["a", "b", "cat"]), min_size=4, max_size=14).map(" ".join)


class NoSynonyms:
    def synsets(self, word: str) -> list[Any]:
        return []


class NoStems:
    def stem(self, word: str) -> str:
        return word


@given(LONG, LONG)
@pytest.mark.filterwarnings("ignore:\\nThe hypothesis:UserWarning")
def test_bleu_is_nltks_where_nothing_needs_smoothing(text: str, reference: str) -> None:
    theirs = sentence_bleu([tokens(reference)], tokens(text))
    assert bleu(text, reference) == pytest.approx(theirs, abs=1e-50)


@given(WORDS, WORDS)
def test_gleu_is_nltks(text: str, reference: str) -> None:
    theirs = sentence_gleu([tokens(reference)], tokens(text)) if text or reference else 0
    assert gleu(text, reference) == pytest.approx(theirs)


@given(WORDS, WORDS)
def test_meteor_is_nltks_without_stems_and_synonyms(text: str, reference: str) -> None:
    theirs: Any = 0.0
    if words(text) and words(reference):
        theirs = single_meteor_score(
            words(reference), words(text), stemmer=NoStems(), wordnet=NoSynonyms()
        )
    assert meteor(text, reference) == pytest.approx(theirs)


def longest(ours: list[str], theirs: list[str]) -> int:
    """The longest common subsequence, by the textbook's table."""
    row = [0] * (len(theirs) + 1)
    for word in ours:
        before = row
        row = [0]
        for place, other in enumerate(theirs):
            row.append(before[place] + 1 if word == other else max(before[place + 1], row[place]))
    return row[-1]


def f_measure(common: int, ours: int, theirs: int) -> float:
    """rouge-score's formula: 2PR / (P + R), 0 where there is nothing."""
    precision, recall = common / max(ours, 1), common / max(theirs, 1)
    return 2 * precision * recall / (precision + recall) if common else 0.0


@given(WORDS, WORDS, st.integers(1, 5))
def test_rouge_n_is_the_f_measure_of_shared_sequences(text: str, reference: str, n: int) -> None:
    def sequences(side: str) -> Counter[tuple[str, ...]]:
        all_words = words(side)
        return Counter(tuple(all_words[i : i + n]) for i in range(len(all_words) - n + 1))

    ours, theirs = sequences(text), sequences(reference)
    wanted = f_measure((ours & theirs).total(), ours.total(), theirs.total())
    assert rouge_n(text, reference, n) == pytest.approx(wanted)


@given(WORDS, WORDS)
def test_rouge_l_is_the_f_measure_of_the_longest_common_subsequence(text: str, ref: str) -> None:
    ours, theirs = words(text), words(ref)
    wanted = f_measure(longest(ours, theirs), len(ours), len(theirs))
    assert rouge_l(text, ref) == pytest.approx(wanted)


def test_worked_examples() -> None:
    text, reference = "the cat sat on the mat", "the cat is on the mat"
    assert rouge_n(text, reference, 1) == pytest.approx(5 / 6)
    assert rouge_n(text, reference, 2) == pytest.approx(3 / 5)
    assert rouge_l(text, reference) == pytest.approx(5 / 6)
    assert cosine(text, reference) == pytest.approx(7 / 8)
    assert bleu("Oslo", "Oslo") == 1.0
    assert meteor("Oslo", "Oslo") == 0.5
    assert fuzzy_match("Oslo!", "oslo") == 1.0


def test_fuzzy_match_is_rapidfuzz() -> None:
    theirs = fuzz.WRatio("fuzzy wuzzy", "wuzzy bear", processor=utils.default_process)
    assert fuzzy_match("fuzzy wuzzy", "wuzzy bear") == theirs / 100


@pytest.mark.parametrize("name", METRICS)
@given(text=st.text(max_size=30), reference=st.text(max_size=30))
def test_every_metric_is_a_share(name: str, text: str, reference: str) -> None:
    assert 0.0 <= METRICS[name](text, reference) <= 1.0 + 1e-12


@pytest.mark.parametrize("name", METRICS)
def test_texts_in_any_script_can_be_equal(name: str) -> None:
    same = METRICS[name]("Привет мир как твои дела", "Привет мир как твои дела")
    assert same == pytest.approx(1.0, abs=0.01)
    assert METRICS[name]("Привет мир как твои дела", "") == 0.0
