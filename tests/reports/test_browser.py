"""The page in a real browser: seen, used, and silent."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from harness.reports.document import Document
from harness.reports.html import render_html
from tests.browser import OPEN_DETAILS, Visit, overflow

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory, document: Document) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(render_html(document), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory, hostile: Document) -> Path:
    file = tmp_path_factory.mktemp("hostile") / "report.html"
    file.write_text(render_html(hostile), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def endless_report(tmp_path_factory, endless: Document) -> Path:
    file = tmp_path_factory.mktemp("endless") / "report.html"
    one = dataclasses.replace(endless, sections=endless.sections[:1])
    file.write_text(render_html(one), encoding="utf-8")
    return file


OPEN_ALL = """() => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  document.querySelector(".chip").click();
}"""


def test_all_verdicts_are_on_the_first_screen(browser, report):
    with Visit(browser, report) as page:
        headlines = page.locator(".headline")
        assert headlines.count() == 3
        for i in range(3):
            box = headlines.nth(i).bounding_box()
            assert box["y"] + box["height"] < 900


def test_a_chip_opens_its_evidence_and_closes_the_others(browser, report):
    with Visit(browser, report) as page:
        shown = page.locator(".evidence:visible")
        assert shown.count() == 0
        page.get_by_role("button", name="after 3 epochs 1 more").first.click()
        page.get_by_role("button", name="after 8 epochs 2 fewer").first.click()
        assert shown.count() == 1
        assert "Overfit" in shown.inner_text()
        page.get_by_role("button", name="after 8 epochs 2 fewer").first.click()
        assert shown.count() == 0


def test_chips_work_from_the_keyboard(browser, report):
    with Visit(browser, report) as page:
        page.locator(".chip").first.focus()
        page.keyboard.press("Enter")
        assert page.locator(".evidence:visible").count() == 1
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        assert "After 2 epochs" in page.locator(".evidence:visible").inner_text()


def test_charts_are_drawn_and_tell_their_values(browser, report):
    with Visit(browser, report) as page:
        charts = page.locator("svg.chart:visible")
        assert charts.count() == 13
        box = charts.first.bounding_box()
        assert box["width"] > 500
        assert box["height"] > 200
        page.locator(".hero .hit:visible").nth(3).hover()
        assert "after 5 epochs" in page.locator("#tip").inner_text()
        assert "held-out: 81% (74 to 88%)" in page.locator("#tip").inner_text()


def test_samples_can_be_filtered_and_searched(browser, report):
    with Visit(browser, report) as page:
        block = page.locator(".flips").first
        shown = block.locator(".flip:visible")
        assert shown.count() == 8
        block.get_by_role("button", name="Show all 24").click()
        assert shown.count() == 24
        block.get_by_role("button", name="Broken").click()
        assert shown.count() == 6
        block.get_by_role("searchbox").fill("order 102")
        assert shown.count() == 1
        assert "1 found" in block.get_by_role("status").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_lines_stand_out_from_the_page_in_both_schemes(browser, report, scheme):
    with Visit(browser, report, scheme=scheme) as page:
        ratios = page.evaluate(CONTRASTS)
        assert min(ratios["text"].values()) >= 4.5, ratios
        assert min(ratios["lines"].values()) >= 3, ratios


CONTRASTS = """() => {
  const style = getComputedStyle(document.documentElement);
  const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = (name) => {
    const probe = document.createElement("canvas").getContext("2d");
    probe.fillStyle = style.getPropertyValue("--" + name).trim();
    const [r, g, b] = probe.fillStyle.match(/[0-9a-f]{2}/g).map((x) => channel(parseInt(x, 16)));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const text = {};
  for (const ground of ["bg", "surface", "sunken"]) {
    for (const ink of ["text", "muted"]) text[ink + " on " + ground] = ratio(ink, ground);
  }
  for (const kind of ["more", "fewer", "keep", "fix", "unsure"]) {
    text[kind] = ratio(kind, kind + "-tint");
    text["on " + kind] = ratio("on-kind", kind);
  }
  const lines = {};
  for (const ink of ["heldout", "train", "base", "reference", "extra"]) {
    lines[ink] = ratio(ink, "surface");
  }
  return { text, lines };
}"""


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_sticks_out_at_any_width(browser, report, width):
    with Visit(browser, report, width) as page:
        page.evaluate(OPEN_ALL)
        assert overflow(page) <= 0


@pytest.mark.parametrize("width", [360, 768])
def test_long_and_hostile_texts_do_not_stick_out(browser, hostile_report, endless_report, width):
    for file in (hostile_report, endless_report):
        with Visit(browser, file, width) as page:
            page.evaluate(OPEN_ALL)
            assert overflow(page) <= 0


def test_hostile_texts_neither_run_nor_load(browser, hostile_report):
    with Visit(browser, hostile_report) as page:
        page.locator(".chip").first.click()
        page.locator(".hero .hit:visible").first.hover()
        page.locator(".flip").first.hover()
        assert page.evaluate("window.hacked") is None
        assert page.locator("img, iframe, object, embed, form, base").count() == 0
        assert "<script>window.hacked=1</script>" in page.locator("h1").inner_text()
        assert "onerror" in page.locator("#tip").inner_text()


def test_paper_shows_all_evidence_and_samples_after_the_verdicts(browser, report):
    with Visit(browser, report) as page:
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator(".evidence:visible").count() == 15
        assert page.locator(".verdicts .evidence").count() == 0
        assert page.locator(".flip:visible").count() == 26
        assert page.locator("details:not([open])").count() == 0
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator(".verdicts .evidence").count() == 15


PAPER = 718
"""Pixels across a sheet of A4 within its margins."""


def test_paper_cuts_nothing_off_and_is_not_wasted(browser, report):
    with Visit(browser, report, PAPER) as page:
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert overflow(page) <= 0
        assert page.evaluate(CUT_OFF) == []
        cards = page.locator(".card:visible")
        assert cards.first.bounding_box()["y"] < page.locator(".eval").first.bounding_box()["y"]
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        sheets = len(re.findall(rb"/Type /Page\b", page.pdf(format="A4")))
        assert 3 <= sheets <= 30


CUT_OFF = """() => [...document.querySelectorAll("main *")].filter((e) =>
  e.checkVisibility() && !e.closest(".visually-hidden, svg")
  && getComputedStyle(e).overflow !== "visible"
  && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1)
).map((e) => e.className + ": " + e.textContent.slice(0, 60))"""


def test_without_its_script_the_page_still_shows_everything(browser, report):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator(".evidence:visible").count() == 15
    assert page.locator(".flip:visible").count() == 26
    context.close()


# --- a run and a comparison ------------------------------------------------------------


@pytest.fixture(scope="module")
def page_of(tmp_path_factory):
    """Write a document's page and say where it lies."""

    def written(document: Document) -> Path:
        file = tmp_path_factory.mktemp("page") / "report.html"
        file.write_text(render_html(document), encoding="utf-8")
        return file

    return written


@pytest.fixture(scope="module")
def run_report(page_of, run: Document) -> Path:
    return page_of(run)


@pytest.fixture(scope="module")
def contest_report(page_of, contest: Document) -> Path:
    return page_of(contest)


def test_all_scores_of_a_run_are_on_the_first_screen(browser, run_report):
    with Visit(browser, run_report) as page:
        rows = page.locator(".sortable tbody tr")
        assert rows.count() == 4
        box = rows.last.bounding_box()
        assert box["y"] + box["height"] < 700
        mark, track = (rows.first.locator(f".{part}").bounding_box() for part in ("span", "track"))
        assert track["x"] < mark["x"] < mark["x"] + mark["width"] < track["x"] + track["width"]


def names(page) -> list[str]:
    return page.locator(".sortable tbody .name").all_inner_texts()


def test_scores_can_be_sorted_and_evals_without_a_mark_are_the_lowest(browser, run_report):
    with Visit(browser, run_report) as page:
        score = page.get_by_role("button", name="Score")
        score.click()
        assert names(page) == ["broken", "slogans", "orders", "single"]
        score.click()
        assert names(page) == ["single", "orders", "slogans", "broken"]
        assert page.locator('[aria-sort="descending"]').inner_text().startswith("Score")
        page.get_by_role("button", name="Eval").focus()
        page.keyboard.press("Enter")
        assert names(page) == ["broken", "orders", "single", "slogans"]
        assert page.locator("[aria-sort]").count() == 1


def test_a_score_leads_to_its_eval(browser, run_report):
    with Visit(browser, run_report) as page:
        page.get_by_role("link", name="slogans").first.click()
        assert page.url.endswith("#eval-2")


def test_wrong_answers_can_be_searched(browser, run_report):
    with Visit(browser, run_report) as page:
        block = page.locator(".flips").first
        assert block.locator(".flip:visible").count() == 8
        block.get_by_role("button", name="Show all 13").click()
        assert block.locator(".flip:visible").count() == 13
        block.get_by_role("searchbox").fill("order 103")
        assert block.locator(".flip:visible").count() == 1


def test_every_comparison_of_a_few_is_on_the_first_screen(browser, contest_report):
    with Visit(browser, contest_report) as page:
        for headline in page.locator(".headline").all():
            box = headline.bounding_box()
            assert box["y"] + box["height"] < 900
        page.locator(".flips").first.get_by_role("button", name="Broken").click()
        assert page.locator(".flips").first.locator(".flip:visible").count() == 6


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_run_or_comparison_sticks_out(
    browser, page_of, run, contest, poison, sixty, sixty_contests, width
):
    long = (poison(one, "W" * 5_000) for one in (run, contest))
    hostile = (poison(one) for one in (run, contest))
    for one in (run, contest, sixty, sixty_contests, *long, *hostile):
        with Visit(browser, page_of(one), width) as page:
            page.evaluate(OPEN_DETAILS)
            assert overflow(page) <= 0
            assert page.evaluate("window.hacked") is None


def test_sixty_evals_can_be_overlooked_and_their_samples_opened(browser, page_of, sixty):
    with Visit(browser, page_of(sixty)) as page:
        assert page.locator(".sortable tbody tr").count() == 60
        assert page.locator(".flip:visible").count() == 0
        page.locator(".flips summary").first.click()
        assert page.locator(".flip:visible").count() == 8


def test_a_run_on_paper_or_without_script_shows_everything(browser, run_report):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(run_report.as_uri())
    assert page.locator(".flip:visible").count() == 14
    assert page.locator(".sortable button").count() == 0
    context.close()
    with Visit(browser, run_report) as page:
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator(".flip:visible").count() == 14
        assert page.locator(".sortable tbody tr:visible").count() == 4
