"""The sample browser in a real browser: keys, phones, dark, and nothing that executes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.viewer.addresses import sample_address
from tests.browser import Visit, barriers, overflow
from tests.served_viewer import served
from tests.small_run import BASE, EVAL, TUNED, made_run

pytestmark = pytest.mark.long

BROKEN = f"model={TUNED}&other={BASE}&state=broken"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The samples of a run, served on a socket."""
    root = tmp_path_factory.mktemp("runs")
    made_run(root / "run", 130)
    with served(root) as url:
        yield url


@pytest.fixture
def samples(address: str, browser: Any) -> str:
    """The same, when all of it is indexed."""
    page = browser.new_page()
    page.goto(f"{address}/runs/run/samples")
    page.wait_for_selector("#indexing", state="detached")
    page.close()
    return f"{address}/runs/run/samples"


def test_keys_go_through_the_list_open_a_sample_and_come_back(browser: Any, samples: str) -> None:
    with Visit(browser, f"{samples}?{BROKEN}") as page:
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("k")
        assert page.inner_text("tr.at th a") == "colours.test.12"
        page.keyboard.press("Enter")
        page.wait_for_selector("html.scripted h1:has-text('colours.test.12')")
        page.keyboard.press("j")
        page.wait_for_selector("html.scripted h1:has-text('colours.test.24')")
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector("html.scripted h1:has-text('colours.test.12')")
        page.keyboard.press("u")
        page.wait_for_selector("tr.at:has-text('colours.test.12'), tr:target:has-text('test.12')")


def test_slash_goes_to_the_search_and_letters_in_it_are_letters(browser: Any, samples: str) -> None:
    with Visit(browser, samples) as page:
        page.keyboard.press("/")
        page.keyboard.type("colour j*")
        assert page.input_value("[data-search]") == "colour j*"
        page.keyboard.press("Enter")
        page.wait_for_selector("text=No sample fits")


def test_the_end_of_a_page_leads_to_the_next(browser: Any, samples: str) -> None:
    with Visit(browser, f"{samples}?page=2#row-99") as page:
        page.keyboard.press("j")
        page.wait_for_url("**page=3*")


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_every_screen_and_keep_nobody_out(
    browser: Any, samples: str, address: str, width: int, scheme: str
) -> None:
    one = address + sample_address("run", EVAL, "colours.test.7", {"model": TUNED})
    for place in (f"{samples}?{BROKEN}", samples, one):
        with Visit(browser, place, width, scheme) as page:
            assert overflow(page) <= 0
            assert barriers(page) == []


def test_everything_works_without_a_script(browser: Any, samples: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(samples)
    page.select_option("select[name=model]", TUNED)
    page.select_option("select[name=other]", BASE)
    page.fill("[data-search]", '"colour 12"')
    page.click(".sample-filters button")
    page.wait_for_selector("[data-rows] tbody tr:only-child:has-text('colours.test.12')")
    page.click("[data-rows] th a")
    page.wait_for_selector("h1:has-text('colours.test.12')")
    page.click("text=List")
    page.wait_for_selector("[data-rows]")
    assert page.input_value("[data-search]") == '"colour 12"'
    context.close()


def test_on_a_phone_filters_are_folded_until_they_are_wanted(browser: Any, samples: str) -> None:
    with Visit(browser, f"{samples}?{BROKEN}", 360) as page:
        search = page.locator("[data-search]")
        assert not search.is_visible()
        page.keyboard.press("/")
        page.keyboard.type("colour")
        assert search.input_value() == "colour"
        page.set_viewport_size({"width": 1280, "height": 900})
        page.wait_for_selector(".filter-fold summary", state="hidden")
        assert search.is_visible()


def test_models_stand_side_by_side_and_keys_go_through_them(browser: Any, samples: str) -> None:
    with Visit(browser, f"{samples}?{BROKEN}") as page:
        page.get_by_role("link", name="All models").click()
        page.wait_for_selector("html.scripted .matrix")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_selector("html.scripted h1:has-text('colours.test.0')")
        page.keyboard.press("u")
        page.wait_for_selector(".matrix tr.at, .matrix tr:target")
