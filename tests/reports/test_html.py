from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from harness.reports.document import Document, Section
from harness.reports.html import render_html

TO_A_SAMPLE = re.compile(r"#eval-\d+-(sample|miss)-[A-Za-z0-9._~-]+")


class Outline(HTMLParser):
    """The tags and attributes of a page, and what stands in its script and style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.used: set[tuple[str, str]] = set()
        self.counts: dict[str, int] = {}
        self.code: dict[str, str] = {}
        self.links: set[str] = set()
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self._open = tag
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.used |= {(tag, name) for name, _ in attrs} or {(tag, "")}
        self.links |= {value for name, value in attrs if name in {"href", "src"}}

    def handle_data(self, data):
        if self._open in {"script", "style"}:
            self.code[self._open] = self.code.get(self._open, "") + data

    def handle_endtag(self, tag):
        self._open = ""


@pytest.fixture(scope="module")
def page(document: Document) -> str:
    return render_html(document)


def words(page: str) -> str:
    """The page's text, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_every_eval_has_a_verdict_before_any_chart(page):
    text = page[: page.index('<svg viewBox="0 0 6')]
    assert "Keep: ship the checkpoint of epoch 5" in text
    assert "Not enough data to tell: collect about 140 more held-out samples" in text
    assert "Keep: ship the checkpoint of epoch 3" in text
    assert (
        "After 5 epochs the model is better than base by 28 to 39 points; 138 samples, 4 excluded."
        in text
    )


def test_every_state_has_a_chip_with_an_icon_a_word_and_its_evidence(page):
    chips = re.findall(
        r'<button type="button" class="chip kind-(\w+).*?aria-controls="([^"]+)">(.*?)</button>',
        page,
        re.S,
    )
    assert len(chips) == 15
    for kind, target, inside in chips:
        assert f"#icon-{kind}" in inside
        assert page.count(f'id="{target}"') == 1
    assert [words(inside) for _, _, inside in chips[:5]] == [
        "after 1 epoch 2 more",
        "after 2 epochs 2 more",
        "after 3 epochs 1 more",
        "after 5 epochs keep",
        "after 8 epochs 2 fewer",
    ]


def test_the_evidence_of_a_state_says_everything_behind_it(page):
    start = page.index('id="advice-1-3"')
    text = words(page[start : page.index('id="advice-1-4"', start)])
    for said in (
        "After 3 epochs: Train 1 epoch more",
        "Train score 62% (54 to 70%) does not follow the training data yet",
        "Underfit (rule 5; why: harness show rule 5 )",
        "Use now ft:small-base:orders:e3 (epoch 3)",
        "About 40 s and 96,400 training tokens",
        "A train score within the slack of the ceiling",
        "Seed 2 alone: no change (good)",
    ):
        assert said in text


def test_a_comparison_shows_scores_difference_chance_and_samples(page):
    start = page.index("Against the base model")
    text = words(page[start : page.index("</table>", page.index("<tbody>", start))])
    assert "After 1 epoch ft:small-base:orders:e1 48% 40 to 56% 56% 48 to 64%" in text
    assert "+8 +3 to +14 &lt; .001 138 4 excluded 18 / 7" in text


def test_repeated_answers_of_an_open_task_are_counted(page):
    text = words(page[page.index("Answers side by side") :])
    assert "After 8 epochs 2 of 6 distinct Light up every evening ×5 Your evening, brighter" in text


def test_what_was_left_out_is_shown_with_kind_and_example(page):
    assert "3 unreachable no answer from the server after 60 s" in words(page)


def test_the_page_says_how_to_repeat_it(page):
    text = words(page[page.index('id="repeat"') :])
    for said in ("harness demo --out demo-run", "Seeds 1, 2, 3", "4,212", "Cost Free", "ab12" * 16):
        assert said in text


def test_the_policy_allows_the_pages_own_code_and_nothing_else(page):
    outline = Outline(page)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page).group(1)
    for kind in ("script", "style"):
        assert outline.counts[kind] == 1
        digest = hashlib.sha256(outline.code[kind].encode()).digest()
        assert f"{kind}-src &#39;sha256-{base64.b64encode(digest).decode()}&#39;" in policy
    assert policy.startswith("default-src &#39;none&#39;")
    assert "unsafe" not in policy


def test_the_page_links_to_itself_only(page):
    assert {link[0] for link in Outline(page).links} == {"#", "d"}
    assert "data:," in Outline(page).links
    assert not any(name == "style" for _, name in Outline(page).used)


def test_every_anchor_leads_somewhere_and_every_id_is_unique(page):
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    targets = set(re.findall(r'(?:href="#|aria-controls="|aria-labelledby=")([^"]+)"', page))
    assert targets <= set(ids)


def test_hostile_texts_add_no_tag_and_no_attribute(page, hostile: Document):
    clean, dirty = Outline(page), Outline(render_html(hostile))
    assert dirty.used <= clean.used
    others = {link for link in dirty.links if not TO_A_SAMPLE.fullmatch(link)}
    assert others <= clean.links
    assert dirty.code == clean.code
    assert dirty.counts["script"] == dirty.counts["style"] == 1


def test_hostile_texts_are_shown_as_they_are_but_printable(hostile: Document):
    page = render_html(hostile)
    assert "{{ 7 * 7 }} {% raw %}" in page
    assert not re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff]", page)
    page.encode()


def test_texts_without_end_leave_a_page_of_bounded_size(endless: Document):
    assert len(render_html(endless)) < 5_000_000


def test_a_report_of_the_demos_size_is_small(document: Document):
    page = render_html(document)
    assert len(page.encode()) < 500_000


def test_a_study_without_results_still_has_a_page(document: Document):
    bare = tuple(
        Section(section.eval, section.task, "", section.metric, section.base)
        for section in document.sections
    )
    assert "Nothing was answered" in render_html(dataclasses.replace(document, sections=bare))
    assert "no eval" in render_html(dataclasses.replace(document, sections=()))


def test_words_cost_no_chart_library():
    code = (
        "import sys, harness.reports.wording, harness.reports.html, harness.reports.markdown;"
        "sys.exit('vl_convert' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_phrases_and_copies_stand_beside_each_other(document: Document):
    page = render_html(document)
    assert "What the answers repeat" in page
    assert "bright ideas at your desk" in page
    assert "5 tokens alike" in page
    assert "<mark>clean without  the noise of</mark>" in page
    assert "<mark>Clean without the noise of</mark>" in page
    assert "2 more copied answers" in page
