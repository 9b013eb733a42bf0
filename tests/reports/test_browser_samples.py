"""The samples of a page in a real browser: filtered, searched, stepped through, linked to."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from harness.reports.document import Document, Flip
from harness.reports.html import render_html
from tests.browser import Visit, overflow

pytestmark = pytest.mark.browser

LABELS = ("billing", "delivery", "sales")
KINDS = ("fixed", "broken", "both_wrong")


def many_flips(count: int) -> tuple[Flip, ...]:
    """Tickets of three queues from customers of four tickets each, answered by two models."""
    return tuple(
        Flip(
            kind=KINDS[i % 3],
            sample_id=f"tickets.{i // 2}",
            prompt=f"Ticket {i // 2}: " + "which queue is it? " * (60 if i % 50 == 0 else 2),
            ideal=LABELS[i // 6 % 3],
            base_text="to billing",
            tuned_text="to delivery, surely",
            tuned_model=f"tuned-{i % 2}",
            cluster=f"customer {i // 8}",
        )
        for i in range(count)
    )


@pytest.fixture(scope="module")
def pages(tmp_path_factory, document: Document, contest: Document, run: Document, sixty: Document):
    """Where the pages of some documents lie."""
    folder = tmp_path_factory.mktemp("samples")
    section = dataclasses.replace(contest.sections[0], flips=many_flips(300), flips_omitted=40)
    made = {
        "demo": document,
        "run": run,
        "sixty": sixty,
        "many": dataclasses.replace(contest, sections=(section, *contest.sections[1:])),
        "large": dataclasses.replace(
            contest, sections=(dataclasses.replace(section, flips=many_flips(4_000)),)
        ),
    }
    for name, one in made.items():
        (folder / f"{name}.html").write_text(render_html(one), encoding="utf-8")
    return folder


def visit(browser: Any, file: Path, at: str = "", **look: Any) -> Visit:
    """A page of a file, at one of its anchors."""
    return Visit(browser, file.as_uri() + at, **look)


def shown(page: Any) -> int:
    return page.locator("#eval-1 .flip:visible").count()


def status(page: Any) -> str:
    return page.locator("#eval-1 .flips .shown").first.inner_text()


def focused(page: Any) -> str:
    return page.evaluate("document.activeElement.id")


# --- filters -------------------------------------------------------------------------


def test_kind_label_document_and_model_filter_together_and_are_counted(browser, pages):
    with visit(browser, pages / "many.html") as page:
        assert status(page) == "8 of 300 shown"
        page.get_by_label("Show one label only").select_option(label="delivery (102)")
        assert status(page) == "102 found, 8 of 300 shown"
        page.get_by_label("Show one model only").select_option(label="tuned-1 (150)")
        assert status(page) == "51 found, 8 of 300 shown"
        page.locator("#eval-1").get_by_role("button", name="Fixed").click()
        few = int(status(page).partition(" ")[0])
        assert 0 < few < 51
        page.get_by_label("Show one cluster only").select_option(index=1)
        assert shown(page) < few
        assert page.locator("#eval-1 .flip:visible.flip-broken").count() == 0


def test_the_search_finds_documents_and_answers_and_says_how_many(browser, pages):
    with visit(browser, pages / "many.html") as page:
        search = page.locator("#eval-1").get_by_role("searchbox").first
        search.fill("ticket 133: customer")
        assert status(page) == "2 found, 2 of 300 shown"
        search.fill("nobody wrote this")
        assert status(page) == "0 found, 0 of 300 shown"
        page.keyboard.press("Escape")
        assert status(page) == "8 of 300 shown"


def test_all_can_be_shown_and_what_is_left_out_is_said(browser, pages):
    with visit(browser, pages / "many.html") as page:
        page.get_by_role("button", name="Show all 300").click()
        assert shown(page) == 300
        assert "holds 300 of 340 samples" in page.locator(".sampled").first.inner_text()
        assert "harness view" in page.locator(".sampled").first.inner_text()


MARKED = """() => [...document.querySelector(".flip:not([hidden])").querySelectorAll("mark")]
  .filter((mark) => getComputedStyle(mark).textDecorationLine === "underline")
  .map((mark) => mark.textContent)"""


def test_differences_are_those_to_the_ideal_or_to_the_other_model(browser, pages):
    with visit(browser, pages / "many.html", "#eval-1-sample-none") as page:
        page.get_by_label("Show one label only").select_option(label="billing (102)")
        assert page.evaluate(MARKED) == ["to ", "to ", "delivery, surely"]
        page.locator("#eval-1").get_by_role("button", name="Other model").click()
        assert page.evaluate(MARKED) == ["billing", "delivery, surely"]
        page.locator("#eval-1").get_by_role("button", name="Ideal").click()
        assert page.evaluate(MARKED) == ["to ", "to ", "delivery, surely"]


# --- keys ----------------------------------------------------------------------------


def test_keys_step_through_samples_past_the_first_few_and_the_focus_is_seen(browser, pages):
    with visit(browser, pages / "many.html") as page:
        page.keyboard.press("j")
        cards = page.locator("#eval-1 .flip")
        first = cards.first.get_attribute("id")
        assert focused(page) == first
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(outline) == "solid"
        for _ in range(11):
            page.keyboard.press("j")
        assert focused(page) == cards.nth(11).get_attribute("id")
        assert shown(page) == 12
        page.keyboard.press("ArrowUp")
        page.keyboard.press("k")
        assert focused(page) == cards.nth(9).get_attribute("id")
        box = cards.nth(9).bounding_box()
        assert 0 <= box["y"] < 900
        assert page.locator('.flip[tabindex="0"]').count() == 1


def test_keys_filter_search_and_change_the_differences(browser, pages):
    with visit(browser, pages / "many.html") as page:
        page.keyboard.press("j")
        page.keyboard.press("f")
        assert status(page) == "100 found, 8 of 300 shown"
        assert "Broken" in page.locator("#eval-1 [data-show][aria-pressed=true]").inner_text()
        page.keyboard.press("d")
        assert page.locator("[data-differences=other]").count() == 1
        page.keyboard.press("/")
        page.keyboard.type("ticket 7 jfdk?/")
        assert page.locator("#eval-1 input").input_value() == "ticket 7 jfdk?/"
        page.locator("#eval-1 input").fill("ticket 77:")
        page.keyboard.press("Enter")
        assert focused(page).startswith("eval-1-sample-tickets.77.")


def test_keys_of_the_browser_and_of_fields_are_left_alone(browser, pages):
    with visit(browser, pages / "many.html") as page:
        page.get_by_label("Show one label only").focus()
        page.keyboard.press("j")
        page.keyboard.press("Control+f")
        assert page.evaluate("document.activeElement.tagName") == "SELECT"
        page.locator("#eval-1 input").focus()
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.tagName") == "INPUT"


def test_the_keys_are_listed_and_single_ones_can_be_turned_off(browser, pages):
    with visit(browser, pages / "many.html") as page:
        page.keyboard.press("?")
        listed = page.get_by_role("dialog", name="Keys")
        assert listed.is_visible()
        page.get_by_label("Single keys work on this page").uncheck()
        page.keyboard.press("Escape")
        assert not listed.is_visible()
        page.keyboard.press("j")
        assert focused(page) == ""
        page.get_by_role("button", name="Keys").first.click()
        assert listed.is_visible()
        page.get_by_role("button", name="Close").click()
        assert not listed.is_visible()


def test_keys_go_on_from_one_eval_to_the_next(browser, pages):
    with visit(browser, pages / "demo.html") as page:
        page.get_by_role("button", name="Show all 24").click()
        page.locator("#eval-1 .flip").last.click()
        page.evaluate("document.querySelectorAll('#eval-1 .flip')[23].tabIndex = 0")
        page.locator("#eval-1 .flip").last.focus()
        page.keyboard.press("j")
        assert focused(page).startswith("eval-2-sample-")
        page.keyboard.press("k")
        assert focused(page) == page.locator("#eval-1 .flip").last.get_attribute("id")


AT_REST = """(name) => new Promise((done) => {
  const place = () => document.getElementById(name).getBoundingClientRect().y;
  let last = place();
  let still = 0;
  const look = setInterval(() => {
    still = place() === last ? still + 1 : 0;
    last = place();
    if (still < 6) return;
    clearInterval(look);
    done(last);
  }, 100);
})"""


def at_rest(page: Any, anchor: str) -> float:
    """How far below the top of the screen a sample stands, once nothing moves any more."""
    return float(page.evaluate(AT_REST, anchor))


# --- links ---------------------------------------------------------------------------


def test_a_link_opens_its_sample_whatever_hides_it(browser, pages):
    with visit(browser, pages / "many.html") as page:
        anchor = page.locator("#eval-1 .flip").nth(200).get_attribute("id")
    with visit(browser, pages / "many.html", f"#{anchor}") as page:
        assert focused(page) == anchor
        assert 0 <= at_rest(page, anchor) < 900
        assert page.locator(".flip:target").count() == 1
        page.locator("#eval-1").get_by_role("button", name="Broken").click()
        page.locator("#eval-1 input").fill("ticket 1")
        page.evaluate("location.hash = ''")
        page.evaluate(f"location.hash = '{anchor}'")
        page.locator(f'[id="{anchor}"]').wait_for(state="visible")
        assert page.locator("#eval-1 input").input_value() == ""
        assert 0 <= at_rest(page, anchor) < 900


def test_a_link_opens_a_folded_eval(browser, pages):
    with visit(browser, pages / "sixty.html", "#eval-1-sample-orders-003") as page:
        assert focused(page) == "eval-1-sample-orders-003"
        assert page.locator("details.flips[open]").count() == 1


def test_every_sample_has_a_link_to_copy(browser, pages):
    with visit(browser, pages / "demo.html") as page:
        page.keyboard.press("j")
        anchor = focused(page)
        page.keyboard.press("l")
        assert page.url.endswith(f"#{anchor}")
        page.wait_for_function("document.querySelector('.flips .shown').innerText.includes('ink')")
        link = page.locator(".flip:visible .self").nth(1)
        link.click()
        assert page.url.endswith(link.get_attribute("href"))


def test_a_link_to_a_sample_that_is_not_there_says_where_it_is(browser, pages):
    with visit(browser, pages / "many.html", "#eval-1-sample-tickets.99999") as page:
        assert "not on this page" in status(page)
        assert "harness view" in status(page)
    for odd in ("#%", "#eval-9-sample-x", "#eval-1-sample-%41%00", "#x'\"<b>"):
        with visit(browser, pages / "many.html", odd) as page:
            assert shown(page) == 8


# --- every screen, paper, and many samples -------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["many", "run"])
def test_nothing_sticks_out_of_a_telephone(browser, pages, name, scheme):
    with visit(browser, pages / f"{name}.html", width=360, scheme=scheme) as page:
        page.evaluate("document.querySelector('.show-all').click()")
        assert overflow(page) <= 0
        page.keyboard.press("?")
        box = page.get_by_role("dialog").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        ink, ground = page.evaluate(
            "[getComputedStyle(keys).color, getComputedStyle(keys).backgroundColor]"
        )
        assert (ink < ground) == (scheme == "light")


def test_long_texts_can_be_scrolled_by_key(browser, pages):
    with visit(browser, pages / "many.html") as page:
        page.get_by_role("button", name="Show all 300").click()
        cut = page.evaluate("""() => [...document.querySelectorAll(".flip .prompt, .flip pre")]
          .filter((text) => text.scrollHeight > text.clientHeight + 1)
          .map((text) => text.tabIndex)""")
        assert set(cut) <= {0}


def test_paper_holds_some_samples_of_many_and_says_so(browser, pages):
    with visit(browser, pages / "many.html") as page:
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert shown(page) == 60
        assert "60 of the 300" in page.locator(".paper-only:visible").first.inner_text()


def test_of_a_long_list_only_what_is_on_the_screen_is_laid_out(browser, pages):
    with visit(browser, pages / "large.html") as page:
        layout = "getComputedStyle(document.querySelector('.flip')).contentVisibility"
        assert page.evaluate(layout) == "visible"
        page.locator("#eval-1 .flips > .show-all").click()
        assert shown(page) > 1_000
        assert page.evaluate(layout) == "auto"
        page.locator("#eval-1 input").first.fill("ticket 77:")
        assert 0 < shown(page) < 50
        page.keyboard.press("Enter")
        assert "Ticket" in page.locator(":focus .prompt").inner_text()
