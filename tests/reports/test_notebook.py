"""Cards for notebooks: the verdict first, nothing to load, nothing that runs."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from harness.records import Check, Finding, Gate, Rule
from harness.reports.document import Document
from harness.reports.lint_document import LintReport
from harness.reports.notebook import (
    CHIPS,
    advice_card,
    document_card,
    gate_card,
    lint_card,
)

HARMLESS = {"div", "span", "table", "thead", "tbody", "tr", "th", "td", "b", "code"}
VOID = {"br", "img", "input", "meta", "link", "hr"}


class Seen(HTMLParser):
    """The tags, attributes and texts of a card."""

    def __init__(self, card: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.styles: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(card)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.styles += [value for name, value in attrs if name == "style"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data + "\n"


def gate_of(outcome: str = "fail") -> Gate:
    rule = Rule("non_inferior", "*", 0.02)
    checks = (
        Check("orders", rule, "tuned", "pass", base="base"),
        Check("tickets", rule, "tuned", outcome, base="base", reason="it fell"),
    )
    return Gate("no-worse", outcome, checks)


def test_a_study_says_its_verdict_for_each_eval(document: Document):
    seen = Seen(document_card(document))
    assert seen.text.index("orders") < seen.text.index("Keep: ship the checkpoint of epoch 5")
    assert "after 1 epoch: 2 more" in seen.text
    assert "better than base by" in seen.text


def test_a_comparison_is_a_table_with_a_row_a_model(contest: Document):
    seen = Seen(document_card(contest))
    assert "adapter-1" in seen.text
    assert "better" in seen.text
    assert "worse" in seen.text


def test_a_run_shows_scores_and_what_was_left_out(run: Document):
    seen = Seen(document_card(run, ["report: reports/run/report.html"]))
    assert "3 samples rate limited: slow down" in seen.text
    assert "report: reports/run/report.html" in seen.text


def test_an_advice_shows_its_reason(document: Document):
    seen = Seen(advice_card(document.sections[0].advice))
    assert "Train 2 epochs more" in seen.text
    assert "Underfit" in seen.text


def test_a_gate_shows_the_checks_that_decided_first():
    seen = Seen(gate_card(gate_of()))
    assert seen.text.index("tickets") < seen.text.index("orders")
    assert "FAIL" in seen.text


def test_a_lint_says_what_blocks():
    report = LintReport(
        "train.jsonl",
        None,
        "blocked",
        findings=(Finding("roles", "block", "2 lines end with a user", {"repair": "answer them"}),),
    )
    seen = Seen(lint_card(report))
    assert "BLOCKED: 1 finding" in seen.text
    assert "answer them" in seen.text


def hostile_gate() -> Gate:
    word = "<img src=x onerror=alert(1)>"
    check = Check(word, Rule("floor", word, 0.5, word), word, "unjudged", reason=word)
    return Gate(word, "unjudged", (check,))


def test_nothing_in_a_card_is_loaded_or_runs(hostile: Document):
    cards = [document_card(hostile, ["<script>"]), gate_card(hostile_gate())]
    cards.append(advice_card([one for s in hostile.sections for one in s.advice]))
    for card in cards:
        seen = Seen(card)
        assert set(seen.tags) <= HARMLESS
        assert seen.attributes <= {"style", "scope"}
        assert not any("url(" in style or "expression" in style for style in seen.styles)


def test_colours_leave_the_page_its_own_but_for_chips(document: Document):
    for style in Seen(document_card(document)).styles:
        if "color:#fff" not in style:
            assert not re.search(r"(^|;)color:", style), style
            assert "background:#" not in style


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", CHIPS.values())
def test_white_words_are_read_on_every_chip(colour: str):
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5


def test_a_card_stays_small_however_much_there_is(sixty: Document, endless: Document):
    assert len(document_card(sixty)) < 60_000
    assert len(document_card(endless)) < 120_000
