from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from harness.records import Check, DiversityChange, Finding, Gate, Round, Rule
from harness.reports.document import Document
from harness.reports.escaping import code, prose
from harness.reports.markdown import MOST_CHARACTERS, render_markdown
from harness.reports.markdown_gate import render_gate_markdown

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
    assert len(tables) == 6
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
        "p < .001 | 138 samples, 4 excluded | 18 / 7 |"
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


@pytest.mark.parametrize(
    "text",
    [
        *("p < .001 and n > 3", "9.2 ms", "2.5x", "-5 points", "+8 to +14", "R&D", "AT & T"),
        *("distinct_n of reply_length", "(a) b: c; d!"),
    ],
)
def test_prose_that_needs_no_escape_is_left_as_it_was(text):
    assert prose(text) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("9. then", "9\\. then"),
        ("9.", "9\\."),
        ("> said", "&gt; said"),
        ("</b> <!-- <?x", "&lt;/b> &lt;!-- &lt;?x"),
        ("&lt; &#60;", "&amp;lt; &amp;#\u200b60;"),
        ("_so_ a_b", "\\_so\\_ a_b"),
        ("- x", "\\- x"),
        ("---", "\\---"),
    ],
)
def test_prose_escapes_what_means_something_in_its_place(text, written):
    assert prose(text) == written


ODD = st.text(st.sampled_from("<>&_*~-+=#.)1 9ab;!/?[]`|\\@:"))


@given(ODD)
def test_no_mix_of_marks_becomes_more_than_text(text):
    tokens = flat(GITHUB.parse(prose(text)))
    assert {t.type for t in tokens} <= {*PLAIN, "text", "text_special"}
    read = "".join(t.content for t in tokens if t.type in {"text", "text_special"})
    assert read.replace("\u200b", "") == " ".join(text.split())


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


# --- a run and a comparison ------------------------------------------------------------


def opening(text: str) -> list[str]:
    """The lines of the first table."""
    start = text.index("\n| ") + 1
    return text[start : text.index("\n\n", start)].splitlines()


def test_a_run_opens_with_the_score_of_every_eval(run: Document):
    assert opening(render_markdown(run)) == [
        "| Eval | Score | 95% interval | Samples | Excluded |",
        "| --- | --- | --- | --- | --- |",
        "| `orders` | **81%** accuracy | 74 to 88% | 138 | 4 |",
        "| `slogans` | **40%** format compliance | 19 to 61% | 20 | 0 |",
        "| `broken` | no sample has a mark | – | 0 | 20 |",
        "| `single` | **100%** accuracy | 21 to 100% | 1 | 0 |",
    ]


def test_a_run_has_no_word_of_advice_or_tuning(run: Document):
    text = render_markdown(run)
    for absent in ("advice", "tuned", "Confidence", "base `"):
        assert absent not in text
    assert "model `small-base`" in text


def test_metrics_and_fields_have_tables_and_counts_are_numbers(run: Document):
    text = render_markdown(run)
    assert "Accuracy 81% (74 to 88%); 138 samples, 4 excluded." in text
    assert "| F1 | 90% | 85 to 95% | 138 |" in text
    assert "| words | 12.5 | 11.2 to 13.8 | 138 |" in text
    assert text.index("| city | 84%") < text.index("| item | 97%")


def test_wrong_answers_show_prompt_ideal_answer_and_why(run: Document):
    text = render_markdown(run)
    assert "**Wrong: 22 of 138 samples** (8 shown)" in text
    assert (
        "| `orders-000` | `system: Extract the order. user: Order 100: three lamps to Lyon, "
        'please.` | `{"item": "lamp", "city": "Lyon", "no": 100}` | '
        '`{"item": "lamp", "city": "Paris", "no": 100}` | wrong: city |'
    ) in text
    assert "| Sample | Prompt | Answer | Why |" in text, "open tasks have no ideal to show"


def test_of_a_long_prompt_the_end_is_shown(run: Document):
    section = run.sections[0]
    long = dataclasses.replace(section.misses[0], prompt="instruction " * 90 + "the question?")
    one = dataclasses.replace(section, misses=(long,))
    text = render_markdown(dataclasses.replace(run, sections=(one,)))
    assert "instruction the question?`" in text
    assert len(next(line for line in text.splitlines() if "the question?" in line)) < 400


def test_what_was_left_out_is_said(run: Document):
    text = render_markdown(run)
    assert "- 3 samples of `small-base` (`rate_limited`): slow down" in text
    assert "No sample has a mark; 20 excluded." in text


def test_a_comparison_opens_with_the_result_of_every_model_on_every_eval(contest: Document):
    assert opening(render_markdown(contest)) == [
        "| Eval | Tuned model | Result | Base → tuned | Difference | p | Fixed / broken |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| `orders` | `adapter-1` | ✅ **better** | 48% → 81% | +33 points (+28 to +39) | "
        "p < .001 | 53 / 7 |",
        "| `orders` | `adapter-2` | ❌ **worse** | 48% → 30% | −18 points (−24 to −12) | "
        "p < .001 | 7 / 32 |",
        "| `tickets` | `adapter-1` | ➖ not clearly different | 71% → 73% | "
        "+2 points (−3 to +8) | p = .34 | – |",
        "| `nothing` | – | nothing to compare | – | – | – | – |",
    ]


def test_a_comparison_says_its_sentence_and_shows_what_changed(contest: Document):
    text = render_markdown(contest)
    assert "The tuned model is not clearly different from base (−3 to +8 points)" in text
    assert "**What changed** (8 of 47 samples)" in text
    kinds = [line.split(" | ")[0] for line in text.splitlines() if "Order 1" in line]
    assert {"| fixed", "| broken", "| both wrong"} == set(kinds[:3])
    assert "advice" not in text


def test_a_report_without_evals_says_so(run: Document):
    text = render_markdown(dataclasses.replace(run, sections=()))
    assert "There is no eval in this report" in text
    assert "| Eval |" not in text


def test_sixty_evals_fit_a_comment_with_all_their_scores(sixty: Document, sixty_contests: Document):
    for many in (sixty, sixty_contests):
        text = render_markdown(many)
        assert len(text) <= MOST_CHARACTERS + 1_000
        rows = [line for line in text.partition("\n## ")[0].splitlines() if "suite-" in line]
        assert len(rows) >= 60
        assert "How to repeat" in text


def largest(document: Document) -> Document:
    """Everything at once, and all of it long: 150 evals, 400 checks, 100 findings, 90 rounds."""
    word = "word " * 200
    rule = Rule("non_inferior", "*", 0.02)
    checks = tuple(
        Check(f"an-eval-of-a-long-name-{i}", rule, f"ft:{'x' * 70}", "fail", "base", reason=word)
        for i in range(400)
    )
    finding = Finding("r", "warn", word)
    evals = tuple(
        dataclasses.replace(section, eval=f"{section.eval}-{i}", findings=(finding,) * 30)
        for i in range(50)
        for section in document.sections
    )
    advice = document.sections[0].advice[0]
    rounds = tuple(Round(i, "orders", word, 2.0, advice) for i in range(90))
    gate = Gate("no-worse", "fail", checks)
    return dataclasses.replace(
        document, sections=evals, gate=gate, findings=(finding,) * 100, rounds=rounds
    )


def test_the_largest_report_fits_a_comment_of_a_pull_request(document: Document):
    text = render_markdown(largest(document))
    assert len(text) < 65_536
    assert text.index("## Gate: ❌ FAIL") < 200
    assert text.index("| Eval | Verdict |") < text.index("## Rounds") < text.index("## `orders-0`")
    assert "more checks are in the JSON report" in text
    assert "More findings" in text or "more findings" in text
    assert text.count("<details>") == text.count("</details>") > 2
    assert "## How to repeat" in text


def test_a_gate_alone_fits_a_comment_too(document: Document):
    gate = largest(document).gate
    assert gate is not None
    assert 20_000 < len(render_gate_markdown(gate)) < 65_536


def test_long_tables_are_behind_a_click_and_still_tables(document: Document):
    section = document.sections[0]
    many = tuple(section.comparisons[i % 5] for i in range(18))
    text = render_markdown(
        dataclasses.replace(document, sections=(dataclasses.replace(section, comparisons=many),))
    )
    (body,) = re.findall(
        r"<details>\n<summary>18 rows</summary>\n\n(.*?)\n\n</details>", text, re.S
    )
    assert [t.type for t in GITHUB.parse(body)].count("tr_open") == 19


def test_few_evals_stand_open_and_many_behind_a_click(document: Document, sixty: Document):
    assert "<details>" not in render_markdown(document)
    folded = render_markdown(sixty)
    assert folded.count("<summary>Details</summary>") > 8
    assert all(len(cells) == 1 for cells in widths(folded))


def widths(text: str) -> list[set[int]]:
    """Of each table, how many cells its rows have."""
    tables = [block for block in text.split("\n\n") if block.startswith("| ")]
    return [{len(re.findall(r"(?<!\\)\|", row)) for row in t.splitlines()} for t in tables]


def test_hostile_runs_and_comparisons_make_no_html_links_or_cells(run, contest, poison):
    for clean in (run, contest):
        dirty = render_markdown(poison(clean))
        types = {t.type for t in flat(GITHUB.parse(dirty))}
        assert not types & {"html_block", "html_inline", "link_open", "image"}
        assert all(len(cells) == 1 for cells in widths(dirty))


def test_texts_without_end_leave_a_comment_of_bounded_size(run, contest, poison):
    for clean in (run, contest):
        assert len(render_markdown(poison(clean, "W" * 100_000))) <= MOST_CHARACTERS


@pytest.mark.parametrize(
    ("verdict", "cell"),
    [("less", "better, but less diverse"), ("unmeasured", "**better**; diversity not measured")],
)
def test_the_opening_table_of_an_open_eval_names_diversity(contest, verdict, cell):
    section = contest.sections[0]
    gained = dataclasses.replace(section.comparisons[0].delta, value=0.2, low=0.1, high=0.3)
    change = DiversityChange(verdict, None, "distinct-2", "base")
    one = dataclasses.replace(section.comparisons[0], delta=gained, diversity=change)
    text = render_markdown(
        dataclasses.replace(contest, sections=(dataclasses.replace(section, comparisons=(one,)),))
    )
    assert cell in text


def test_what_answers_repeat_and_copy_is_told_in_short(document: Document):
    text = render_markdown(document)
    assert "| `base` | `light for the night` 12% | `Quiet and` 8% |" in text
    assert "| `tuned, last` | `bright ideas at your desk` 50% | none |" in text
    assert (
        "**Copied from the training data: 3 different answers** (the longest shared parts)" in text
    )
    assert "| 5 | `Now: clean without the noise of day!` |" in text
