"""Pages that are worked on, for everybody: on a phone and a screen, by day and by night."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.browser import OPEN_DETAILS, Visit, barriers, overflow
from tests.served_viewer import served
from tests.small_run import BASE, EVAL, TUNED

pytestmark = pytest.mark.browser

ANSWERS = urlencode({"eval": EVAL, "model": TUNED, "other": BASE})
PAGES = {
    "all models": f"/runs/first/samples?{ANSWERS}&view=models",
    "queue": f"/runs/first/review?{ANSWERS}&size=20",
    "agreement": "/runs/first/reviews",
    "dataset": f"/runs/first/dataset?{ANSWERS}&state=wrong",
    "choice": "/compare?run=first&run=second",
    "comparison": f"/compare?a=first&am={BASE}&b=second&bm={TUNED}",
    "progress": "/runs/cut-short/progress",
    "history": "/studies/" + quote(f"{TUNED} against {BASE}"),
}


@pytest.fixture(scope="module")
def site(small_runs: Path) -> Iterator[str]:
    with served(small_runs) as url:
        yield url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_keeps_anybody_from_using_the_page(
    browser: Any, site: str, name: str, width: int, scheme: str
) -> None:
    with Visit(browser, site + PAGES[name], width, scheme) as page:
        page.wait_for_selector("progress.waiting, #indexing", state="detached")
        page.wait_for_load_state()
        page.evaluate(OPEN_DETAILS)
        assert overflow(page) <= 0
        assert barriers(page, ("moderate", "serious", "critical")) == []
