from __future__ import annotations

import dataclasses
import time

from hypothesis import given
from hypothesis import strategies as st

from harness.reports.answers import MOST_WORDS, TEXT_LIMIT, compared, contrast, distinct
from harness.reports.document import Flip

FLIP = Flip("fixed", "s-1", "prompt", "Lyon", "Paris", "Lyon", "tuned")


@given(st.text(), st.text())
def test_the_pieces_of_a_text_are_the_text(text, reference):
    assert "".join(piece.text for piece in compared(text, reference)) == text


def test_only_the_words_that_differ_are_marked():
    pieces = compared('{"city": "Paris", "n": 3}', '{"city": "Lyon", "n": 3}')
    assert [piece.text for piece in pieces if piece.differs] == ["Paris"]


def test_an_answer_equal_to_its_reference_has_no_marks():
    assert not any(piece.differs for piece in compared("Lyon", "Lyon"))


def test_very_long_texts_are_not_compared_and_cost_no_time():
    start = time.process_time()
    text = "a b " * MOST_WORDS
    assert len(compared(text, text + "c")) == 1
    assert time.process_time() - start < 0.1


def test_answers_are_compared_with_the_ideal_where_there_is_one():
    view = contrast(FLIP)
    assert [piece.differs for piece in view.base] == [True]
    assert [piece.differs for piece in view.tuned] == [False]


def test_without_an_ideal_the_two_answers_are_compared_with_each_other():
    view = contrast(dataclasses.replace(FLIP, ideal=""))
    assert view.base[0].differs
    assert view.tuned[0].differs


def test_a_huge_answer_is_shortened():
    view = contrast(dataclasses.replace(FLIP, tuned_text="x" * 100_000))
    assert sum(len(piece.text) for piece in view.tuned) < TEXT_LIMIT + 50


def test_repeated_answers_are_counted_once_each():
    answers = distinct(["Glow", "Shine", " Glow\n", "Glow"])
    assert [(answer.text, answer.times) for answer in answers] == [("Glow", 3), ("Shine", 1)]
