from __future__ import annotations

import dataclasses
import math
import re

from harness.records import Check, Estimate, Gate, Rule
from harness.reports.document import Document
from harness.reports.html import render_html
from harness.reports.overall import FULL, MOST_LINES, overall


def replaced(document: Document, place: int, **fields) -> Document:
    """The comparisons of one eval with other fields."""
    sections = list(document.sections)
    compared = tuple(dataclasses.replace(c, **fields) for c in sections[place].comparisons)
    sections[place] = dataclasses.replace(sections[place], comparisons=compared)
    return dataclasses.replace(document, sections=tuple(sections))


def test_with_advice_each_eval_is_a_line_with_the_model_to_use(document: Document):
    found = overall(document)
    assert [(line.eval, line.model) for line in found.lines] == [
        ("orders", "after 5 epochs"),
        ("tickets", "after 8 epochs"),
        ("slogans", "after 3 epochs"),
    ]
    assert found.takeaway == "Of 3 comparisons with base: 2 better and 1 not clearly different."


def test_in_a_comparison_every_model_is_a_line(contest: Document):
    found = overall(contest)
    assert [(line.eval, line.model) for line in found.lines] == [
        ("orders", "adapter-1"),
        ("orders", "adapter-2"),
        ("tickets", "adapter-1"),
    ]


def test_one_eval_needs_no_plot_over_all(document: Document, run: Document):
    assert overall(dataclasses.replace(document, sections=document.sections[:1])) is None
    assert overall(run) is None
    assert "All evals against base" not in render_html(run)


def test_every_line_lies_on_one_scale_in_percent(document: Document):
    found = overall(document)
    for line in found.lines:
        assert 0 <= line.mark.start < line.mark.middle < line.mark.end <= FULL
    assert found.lines[0].mark.start > found.forest.zero


def test_effects_that_could_go_unseen_lie_around_zero(document: Document):
    found = overall(replaced(document, 1, detectable=0.1))
    assert [line.unseen is not None for line in found.lines] == [False, True, False]
    span = found.lines[1].unseen
    assert math.isclose(span.start + span.length / 2, found.forest.zero, abs_tol=0.2)


def test_margins_of_the_gate_stand_on_the_lines_that_they_are_asked_of(document: Document):
    rule = Rule("non_inferior", "tickets", 0.02)
    gate = Gate("p", "pass", (Check("tickets", rule, "m", "pass", base="small-base"),))
    found = overall(dataclasses.replace(document, gate=gate))
    assert [len(line.bars) for line in found.lines] == [0, 1, 0]
    assert found.lines[1].bars[0] < found.forest.zero
    assert found.asked == ("a drop of up to 2 points is accepted",)


def test_every_line_is_said_in_words(document: Document):
    found = overall(replaced(document, 1, detectable=0.09))
    assert found.lines[1].text == (
        "tickets: +3 points (−3 to +8)\nnot clearly different\n138 samples, 4 excluded\n"
        "differences of 9 points or more would be found"
    )
    page = render_html(document)
    drawn = re.findall(r'<svg height="53" role="img" aria-label="([^"]*)"', page)
    assert [text.split(":")[0] for text in drawn] == ["orders", "tickets", "slogans"]


def test_a_difference_that_is_no_number_has_no_mark(document: Document):
    nothing = Estimate(math.nan, math.nan, math.nan, 0, "none")
    odd = replaced(document, 1, delta=nothing)
    assert overall(odd).lines[1].mark is None
    assert "nan" not in re.sub(r"<(style|script).*?</\1>", "", render_html(odd), flags=re.S).lower()


def test_hundreds_of_comparisons_are_cut_off_and_counted(sixty_contests: Document):
    many = dataclasses.replace(sixty_contests, sections=sixty_contests.sections * 3)
    found = overall(many)
    assert len(found.lines) == MOST_LINES
    assert found.omitted == 3 * 60 - MOST_LINES
