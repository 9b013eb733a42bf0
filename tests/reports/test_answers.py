from __future__ import annotations

import dataclasses

from harness.reports.answers import (
    LEAST_COPIES,
    MOST_COPIES,
    TEXT_LIMIT,
    bounded,
    contrast,
    distinct,
    fault,
    in_turn,
    likeness,
    shared,
)
from harness.reports.document import Copy, Document, Flip, Miss
from harness.reports.wordwise import Piece

FLIP = Flip("fixed", "s-1", "prompt", "Lyon", "Paris", "Lyon", "tuned")


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


def test_a_wrong_answer_is_compared_with_its_ideal():
    view = fault(Miss("s", "prompt", "in Lyon", "in Paris", 0.0))
    assert [piece.text for piece in view.answer if piece.differs] == ["Paris"]
    assert not fault(Miss("s", "prompt", "", "in Paris", 0.0)).answer[0].differs


def test_the_first_few_flips_show_every_kind(document: Document):
    flips = document.sections[0].flips
    assert {flip.kind for flip in list(in_turn(flips))[:3]} == {"fixed", "broken", "both_wrong"}
    assert sorted(in_turn(flips), key=flips.index) == list(flips)


def marked(pieces: tuple[Piece, ...]) -> list[str]:
    return [piece.text for piece in pieces if piece.differs]


def test_what_a_copy_shares_is_marked_in_both_texts_case_and_whitespace_aside() -> None:
    copy = Copy(
        "m", "s", "?", "Say: Red  kites fly!", "the red kites\nfly at noon", "Red  kites fly", 3
    )
    view = likeness(copy)
    assert marked(view.answer) == ["Red  kites fly"]
    assert marked(view.training) == ["red kites\nfly"]
    assert "".join(piece.text for piece in view.training) == "the red kites\nfly at noon"


def test_a_run_that_is_not_found_or_means_harm_to_patterns_marks_nothing_or_itself() -> None:
    assert marked(shared("some text", "other")) == []
    assert marked(shared("some text", " ")) == []
    assert marked(shared("a (.*)+$ b", "(.*)+$")) == ["(.*)+$"]


def test_marking_does_not_hang_on_text_made_to_be_slow() -> None:
    assert marked(shared(" " * 40_000 + "a", "b " * 600)) == []
    assert marked(shared(("a" + " " * 50) * 400, "a " * 600 + "b")) == []


def test_many_evals_show_fewer_copies_each_and_count_the_rest(document: Document) -> None:
    (section,) = (one for one in document.sections if one.copies)
    rich = dataclasses.replace(section, copies=section.copies * 12)
    shown = bounded(dataclasses.replace(document, sections=(rich,) * MOST_COPIES)).sections[0]
    assert len(shown.copies) == LEAST_COPIES
    assert len(shown.copies) + shown.copies_omitted == 12 + section.copies_omitted
