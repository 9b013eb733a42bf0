"""The viewer's own pages in a real browser: silent, dark, narrow, by keyboard, and live."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import uvicorn

from harness.pipeline import report_of, write_reports
from harness.running.journal import Journal
from harness.viewer.serving import listening
from harness.viewer.site import application
from tests.browser import OPEN_DETAILS, Visit, barriers, overflow
from tests.small_run import BASE, TUNED, made_run, outcome

pytestmark = pytest.mark.browser

PAGES = {
    "runs": "/",
    "filtered": "/?words=nothing",
    "run": "/runs/first",
    "interrupted": "/runs/cut-short",
    "report": "/runs/first/report",
}


@contextmanager
def served(root: Path, token: str | None = None) -> Iterator[str]:
    """The viewer of a folder on a port of its own."""
    with listening("127.0.0.1", 0) as listener:
        config = uvicorn.Config(
            application(root, ("127.0.0.1",), token),
            lifespan="off",
            ws="none",
            log_level="warning",
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def site(small_runs: Path) -> Iterator[str]:
    with served(small_runs) as url:
        yield url


def reported(path: Path) -> None:
    """Write a run's reports; in a thread, for the browser's loop runs in this one."""
    writing = Thread(target=lambda: write_reports(report_of(path), path))
    writing.start()
    writing.join()


def ready(page: Any) -> Any:
    """The page itself, where something had to be made first."""
    # Not by a function that is asked again and again: the page's policy lets nothing be evaluated.
    page.wait_for_selector("progress.waiting", state="detached", timeout=120_000)
    page.wait_for_load_state()
    return page


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (360, "light")])
def test_every_page_is_silent_fits_and_has_no_barrier(
    browser, site: str, name: str, width: int, scheme: str
) -> None:
    with Visit(browser, site + PAGES[name], width, scheme) as page:
        ready(page).evaluate(OPEN_DETAILS)
        assert overflow(page) <= 0
        assert barriers(page) == []
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (dark == "rgb(13, 16, 21)") == (scheme == "dark")


def test_two_runs_are_picked_and_compared_by_keyboard(browser, site: str) -> None:
    with Visit(browser, site) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        compare = page.get_by_role("button", name="Compare two")
        assert compare.is_disabled()
        for slug in ("first", "second"):
            page.get_by_label(f"Compare {slug}").focus()
            page.keyboard.press("Space")
        assert page.get_by_label("Compare cut-short").is_disabled()
        compare.focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/compare?run=*")
        ready(page)
        page.get_by_label("Model: this run holds 2").first.select_option(BASE)
        page.get_by_role("button", name="Compare").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/compare?a=*")
        ready(page)
        assert page.locator(".headline").count() >= 1
        page.get_by_role("link", name="Runs", exact=True).click()
        page.wait_for_url(f"{site}/")


def test_filters_work_without_script(browser, site: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site)
    page.get_by_label("Words").fill("second")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**words=second*")
    assert page.get_by_role("checkbox").count() == 1
    assert page.get_by_role("button", name="Compare two").is_enabled()
    page.get_by_role("link", name=f"{TUNED} against {BASE}").first.click()
    page.wait_for_url("**/runs/second*")
    context.close()


@pytest.mark.parametrize("script", [True, False])
def test_progress_moves_by_itself_and_ends_with_the_run(
    browser, tmp_path: Path, script: bool
) -> None:
    folder = made_run(tmp_path / "run", 20)
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    folder.journal.write_bytes(lines[0])
    with served(tmp_path) as url:
        context = browser.new_context(java_script_enabled=script)
        page = context.new_page()
        with Journal.open(folder.journal, folder.read().hash, resume=True) as journal:
            page.goto(f"{url}/runs/run/progress")
            page.get_by_text("Nothing was answered yet").wait_for()
            for number in range(10):
                journal.append(outcome(BASE, number, 1.0))
            page.get_by_text("10 of 40").wait_for(timeout=60_000)
        page.locator(".state-interrupted").wait_for(timeout=60_000)
        context.close()


def test_the_sandboxed_report_works_and_knows_nothing_of_the_viewer(browser, site: str) -> None:
    with Visit(browser, f"{site}/runs/first/report") as page:
        assert page.evaluate("origin") == "null"
        assert (
            page.evaluate("(() => { try { return document.cookie } catch { return 'none' } })()")
            == "none"
        )
        page.get_by_role("link", name="first").click()
        page.wait_for_url("**/runs/first")


def test_a_stranger_s_report_cannot_run_or_read_anything(browser, tmp_path: Path) -> None:
    folder = made_run(tmp_path / "run", 12)
    reported(folder.path)
    path = folder.path / "report.html"
    hostile = "<script>window.ran = 1; fetch('/').then(() => { window.read = 1; })</script>"
    path.write_text(
        path.read_text().replace(
            "<body>", f"<body onload='window.ran=1'>{hostile}<img src=/x onerror='ran=1'>"
        )
    )
    with served(tmp_path) as url:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{url}/runs/run/report")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("[window.ran, window.read]") == [None, None]
        context.close()


def test_the_token_is_asked_for_once_and_leaves_the_address(
    browser, site: str, tmp_path: Path
) -> None:
    made_run(tmp_path / "run", 12)
    reported(tmp_path / "run")
    with served(tmp_path, "a-token") as url:
        context = browser.new_context()
        page = context.new_page()
        page.goto(url)
        assert page.get_by_role("heading", name="A token is needed").is_visible()
        page.goto(f"{url}/?token=a-token")
        assert page.url == f"{url}/"
        assert page.evaluate("document.cookie") == ""
        page.goto(f"{url}/runs/run/report")
        # A sandbox sends no cookie of ours.
        page.get_by_role("link", name="Runs", exact=True).click()
        page.wait_for_load_state()
        if page.get_by_role("link", name="Go on").count():
            page.get_by_role("link", name="Go on").click()
        page.get_by_role("heading", name="Runs").wait_for()
        assert re.fullmatch(rf"{url}/", page.url)
        context.close()


def test_hostile_names_of_folders_and_models_do_not_run(browser, tmp_path: Path) -> None:
    for name in (
        '"><img src=x onerror=alert(1)>',
        "<script>alert(1)<",
        "javascript:alert(1)",
        "{{7*7}}",
    ):
        made_run(tmp_path / name, 4)
    with served(tmp_path) as url, Visit(browser, url) as page:
        assert page.get_by_role("checkbox").count() == 4
        for n in range(4):
            page.goto(url)
            page.locator("tbody th a").nth(n).click()
            page.get_by_role("link", name="Progress").click()
            page.get_by_role("heading", name="By eval and model").wait_for()
