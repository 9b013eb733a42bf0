from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reports.wordwise import MOST_WORDS, Piece, compared

TEXTS = st.text(alphabet=" \n,{}ab", max_size=30)


@given(st.text(), st.text(), st.text())
def test_the_pieces_of_a_text_are_the_text(text, reference, second):
    assert "".join(piece.text for piece in compared(text, reference, second)) == text


@given(TEXTS, TEXTS, TEXTS)
def test_two_comparisons_at_once_mark_what_each_of_them_marks(text, one, two):
    def letters(pieces: tuple[Piece, ...], name: str) -> list[tuple[str, bool]]:
        return [(letter, getattr(piece, name)) for piece in pieces for letter in piece.text]

    both = compared(text, one, two)
    assert letters(both, "differs") == letters(compared(text, one), "differs")
    assert letters(both, "differs_too") == letters(compared(text, two), "differs")


@given(TEXTS)
def test_a_text_does_not_differ_from_itself(text):
    assert compared(text, text) == (Piece(text),)


def test_only_the_words_that_differ_are_marked():
    pieces = compared('{"city": "Paris", "n": 3}', '{"city": "Lyon", "n": 3}')
    assert [piece.text for piece in pieces if piece.differs] == ["Paris"]


def test_words_in_a_row_that_differ_are_one_mark():
    assert compared("I can not see.", '"name": "Quinn", "day": "Monday"') == (
        Piece("I can not see.", True),
    )


def test_missing_words_leave_a_gap_where_they_belong():
    pieces = compared('{"name": "Ann"}', '{"name": "Ann", "city": "Lyon"}')
    assert pieces == (Piece('{"name": "Ann"'), Piece("", True), Piece("}"))
    assert compared("Lyon", "Lyon, France")[-1] == Piece("", True)


def test_other_words_in_their_place_are_no_gap():
    assert [piece.text for piece in compared("in Lyon", "in the old Paris")] == ["in ", "Lyon"]


@pytest.mark.parametrize("reference", ["", "x " * MOST_WORDS])
def test_nothing_and_very_long_texts_are_not_compared_with(reference):
    assert compared("some text", reference) == (Piece("some text"),)


def test_very_long_texts_are_not_compared():
    text = "a b " * MOST_WORDS
    assert len(compared(text, text + "c")) == 1


def test_an_empty_text_is_one_piece():
    assert compared("", "Lyon") == (Piece(""),)
