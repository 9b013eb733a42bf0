"""The table of labels: what stands where, what is folded, what is said of it."""

from __future__ import annotations

import dataclasses
import json

import jsonschema

from harness.reports.confusion import MOST_SHOWN, NO_LABEL, OTHERS, TINTS, matrix, sentence
from harness.reports.document import Confusion, Document
from harness.reports.html import render_html
from harness.reports.json import SCHEMA, render_json
from harness.reports.markdown import render_markdown

FOUND = Confusion(
    "ft:small-base:tickets:e5",
    ("billing", "login", "returns"),
    ((19, 0, 12), (0, 46, 0), (3, 0, 25)),
    (0, 2, 0),
    1,
)


def many(labels: int) -> Confusion:
    """Label i has i samples, all answered with the label before it."""
    counts = tuple(
        tuple(row if column == row - 1 else 0 for column in range(labels)) for row in range(labels)
    )
    return Confusion("m", tuple(f"l{i:02d}" for i in range(labels)), counts, (0,) * labels)


def with_confusions(document: Document, *found: Confusion) -> Document:
    first, second, *rest = document.sections
    second = dataclasses.replace(second, confusions=found)
    return dataclasses.replace(document, sections=(first, second, *rest))


def test_rows_are_right_labels_and_the_last_column_is_for_answers_without_one():
    found = matrix(FOUND)
    assert found.columns == ("billing", "login", "returns", NO_LABEL)
    assert [(row.label, row.total) for row in found.rows] == [
        ("billing", 31),
        ("login", 48),
        ("returns", 28),
    ]
    assert [[cell.count for cell in row.cells] for row in found.rows] == [
        [19, 0, 12, 0],
        [0, 46, 0, 2],
        [3, 0, 25, 0],
    ]


def test_the_diagonal_is_right_and_the_tint_is_the_share_of_the_row():
    first, login, _ = matrix(FOUND).rows
    assert [cell.kind for cell in first.cells] == ["right", "empty", "wrong", "empty"]
    assert (login.cells[1].tint, login.cells[3].tint, login.cells[0].tint) == (TINTS, 1, 0)
    assert first.cells[2].hint == "billing answered as returns: 12 of 31 (39%)"


def test_the_largest_mistakes_are_named():
    assert sentence(FOUND) == (
        "Most often confused: billing answered as returns (12 of 31, 39%); returns answered as "
        "billing (3 of 28, 11%). Without a label: 2 of 107 answers (2%), 1 of them the right one "
        "in a form that is marked wrong."
    )


def test_nothing_confused_is_said():
    right = Confusion("m", ("a", "b"), ((2, 0), (0, 2)), (0, 0))
    assert sentence(right) == "No label is confused."


def test_of_many_labels_the_most_frequent_have_rows_of_their_own():
    found = matrix(many(MOST_SHOWN + 8))
    assert len(found.rows) == MOST_SHOWN + 1
    assert len(found.columns) == MOST_SHOWN + 2
    assert found.turned
    assert found.rows[-1].label == OTHERS
    assert found.rows[-1].cells[-2].kind == "mixed"
    assert sum(cell.count for row in found.rows for cell in row.cells) == sum(range(20))


def test_labels_without_samples_or_answers_can_be_drawn():
    found = matrix(Confusion("m", ("a", "b"), ((0, 0), (0, 0)), (0, 0)))
    assert [row.total for row in found.rows] == [0, 0]


def test_the_page_holds_a_table_with_headings_for_each_model(document: Document):
    base = dataclasses.replace(FOUND, model="small-base")
    page = render_html(with_confusions(document, base, FOUND))
    assert page.count('<table class="confusion') == 2
    assert 'title="billing answered as returns: 12 of 31 (39%)"' in page
    assert "Which labels are confused" not in render_html(document)


def test_hostile_labels_are_shown_as_text(document: Document):
    label = '"><script>window.hacked=1</script>'
    found = dataclasses.replace(FOUND, labels=(label, "login", "\x00\u202e\ud800"))
    page = render_html(with_confusions(document, found))
    assert "<script>window" not in page
    assert "&lt;script&gt;window.hacked=1&lt;/script&gt;" in page
    page.encode()


def test_markdown_says_which_labels_are_confused(document: Document):
    text = render_markdown(with_confusions(document, FOUND))
    assert "- After 5 epochs: Most often confused: billing answered as returns" in text


def test_the_counts_stand_in_the_json(document: Document):
    report = json.loads(render_json(with_confusions(document, FOUND)))
    jsonschema.validate(report, json.loads(SCHEMA.read_text(encoding="utf-8")))
    (told,) = report["confusions"]
    assert told["eval"] == "tickets"
    assert told["counts"] == [[19, 0, 12], [0, 46, 0], [3, 0, 25]]


def test_many_labels_stay_small_in_the_page(document: Document):
    grown = len(render_html(with_confusions(document, many(50), many(50))))
    assert grown - len(render_html(document)) < 60_000
