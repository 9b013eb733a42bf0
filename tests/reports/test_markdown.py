from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from harness.reports.document import Document
from harness.reports.markdown import MOST_CHARACTERS, code, prose, render_markdown

GITHUB = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(
    ["table", "strikethrough"]
)
PLAIN = {"paragraph_open", "paragraph_close", "inline"}


def flat(tokens: list[Token]) -> list[Token]:
    return [one for token in tokens for one in (token, *flat(token.children or []))]


def shown(text: str) -> str:
    """What a reader sees of a paragraph."""
    return "".join(t.content for t in flat(GITHUB.parse(text)) if t.type in {"text", "code_inline"})


def test_the_verdicts_come_first(document: Document):
    tables = [t for t in flat(GITHUB.parse(render_markdown(document))) if t.type == "table_open"]
    text = render_markdown(document)
    assert len(tables) == 4
    assert text.index("Keep: ship the checkpoint of epoch 5") < text.index("## `orders`")
    assert text.index("## `slogans`") < text.index("## How to repeat")


def test_an_advice_for_every_state_is_listed(document: Document):
    assert (
        "after 1 epoch: **2 more** · after 2 epochs: **2 more** · after 3 epochs: **1 more** · "
        "after 5 epochs: **keep** · after 8 epochs: **2 fewer**"
    ) in render_markdown(document)


def test_a_comparison_shows_both_scores_the_difference_and_what_was_left_out(document: Document):
    assert (
        "| after 1 epoch | 48% (40 to 56%) | 56% (48 to 64%) | +8 points (+3 to +14) | "
        "p &lt; .001 | 138 samples, 4 excluded | 18 / 7 |"
    ) in render_markdown(document)


def test_the_command_and_the_hash_of_the_study_are_given(document: Document):
    text = render_markdown(document)
    assert "```sh\nharness demo --out demo-run\n```" in text
    assert "study `9f2c9f2c9f2c9f2c`" in text


def test_hostile_texts_make_no_html_links_or_cells(document: Document, hostile: Document):
    clean, dirty = (flat(GITHUB.parse(render_markdown(d))) for d in (document, hostile))
    assert not {t.type for t in dirty} & {"html_block", "html_inline", "link_open", "image"}
    assert len([t for t in dirty if t.type == "td_open"]) % 5 == 0
    rows = [t.type for t in clean].count("tr_open")
    assert [t.type for t in dirty].count("tr_open") == rows


@given(st.text())
def test_prose_is_one_plain_paragraph_that_reads_as_it_was(text):
    tokens = flat(GITHUB.parse(prose(text)))
    assert {t.type for t in tokens} <= {*PLAIN, "text", "text_special"}


@pytest.mark.parametrize(
    "text", ["*a*", "_b_", "[c](d)", "# e", "- f", "1. g", "a | b", "`h`", "<i>", "&amp;", "~~j~~"]
)
def test_prose_shows_markup_as_text(text):
    special = "".join(
        t.content for t in flat(GITHUB.parse(prose(text))) if t.type in {"text", "text_special"}
    )
    assert special.replace("\u200b", "") == text


@given(st.text())
def test_code_is_one_piece_of_code(text):
    types = [t.type for t in flat(GITHUB.parse(code(text).replace("\\|", "|")))]
    assert types == ["paragraph_open", "inline", "code_inline", "paragraph_close"]


def test_names_do_not_mention_people():
    assert "@everyone" not in prose("@everyone")


def test_a_comment_is_never_longer_than_a_pull_request_takes(document: Document, endless: Document):
    many = dataclasses.replace(document, sections=document.sections * 50)
    for long in (many, endless):
        assert len(render_markdown(long)) <= MOST_CHARACTERS + 1_000
    assert "no room" in render_markdown(many)
    assert "## How to repeat" in render_markdown(many)


def test_an_empty_study_still_renders(document: Document):
    empty = dataclasses.replace(document, sections=(), findings=(), description="")
    assert render_markdown(empty).startswith("# Did fine-tuning help?")
