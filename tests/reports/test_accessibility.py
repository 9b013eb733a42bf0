"""The page for those who do not see it well, or use no mouse."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from harness.reports.document import Document
from harness.reports.html import render_html
from tests.browser import OPEN_DETAILS, Visit, barriers
from tests.reports.conftest import contest_document, demo_document, run_document

pytestmark = [pytest.mark.browser, pytest.mark.long]

pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")

DOCUMENTS: dict[str, Callable[[], Document]] = {
    "study": demo_document,
    "run": run_document,
    "comparison": contest_document,
}


@pytest.fixture(scope="module", params=DOCUMENTS)
def report(request, tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp(request.param) / "report.html"
    file.write_text(render_html(DOCUMENTS[request.param]()), encoding="utf-8")
    return file


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_keeps_anybody_from_using_the_page(browser, report, width, scheme):
    with Visit(browser, report, width, scheme) as page:
        assert barriers(page) == []
        page.evaluate(OPEN_DETAILS)
        for chip in page.locator(".chip").all()[:1]:
            chip.click()
        assert barriers(page) == []


def test_headings_go_down_a_step_at_a_time(browser, report):
    with Visit(browser, report) as page:
        page.evaluate(OPEN_DETAILS)
        levels = page.evaluate(HEADINGS)
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(below - above <= 1 for above, below in pairwise(levels)), levels


HEADINGS = """() => [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
  .filter((heading) => heading.checkVisibility())
  .map((heading) => Number(heading.tagName[1]))"""


def test_the_keyboard_reaches_every_control_in_the_order_of_the_page(browser, report):
    with Visit(browser, report) as page:
        wanted = page.evaluate(FOCUSABLE)
        assert wanted > 0
        places = []
        for _ in range(min(wanted, 40)):
            page.keyboard.press("Tab")
            places.append(page.evaluate(PLACE))
        assert all(place is not None for place in places)
        assert places == sorted(places)


FOCUSABLE = """() => {
  const controls = "a[href], button, input, select, summary, [tabindex]";
  window.order = [...document.querySelectorAll(controls)]
    .filter((e) => e.tabIndex >= 0 && e.checkVisibility());
  return window.order.length;
}"""

PLACE = """() => {
  const at = window.order.indexOf(document.activeElement);
  return at < 0 ? null : at;
}"""


def test_every_chart_says_in_words_what_it_shows(browser, report):
    with Visit(browser, report) as page:
        page.evaluate(OPEN_DETAILS)
        assert page.evaluate(SILENT_CHARTS) == []


SILENT_CHARTS = """() => [...document.querySelectorAll("svg")]
  .filter((svg) => svg.checkVisibility())
  .filter((svg) => !svg.closest("[aria-hidden=true]"))
  .filter((svg) => !(svg.getAttribute("aria-label") || svg.getAttribute("aria-labelledby")
    || svg.querySelector("title")))
  .map((svg) => svg.outerHTML.slice(0, 200))"""


def test_motion_stops_for_those_who_ask_for_less(browser, report):
    with Visit(browser, report) as page:
        page.emulate_media(reduced_motion="reduce")
        assert page.evaluate(MOVING) == []


MOVING = """() => [...document.querySelectorAll("*")].filter((e) => {
  const { transitionDuration, animationName } = getComputedStyle(e);
  return animationName !== "none" || parseFloat(transitionDuration) > 0.01;
}).map((e) => e.className).slice(0, 5)"""
