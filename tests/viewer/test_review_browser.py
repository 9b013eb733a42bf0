"""Reviewing in a real browser: by keyboard, in place, and without a script."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import urlopen

import pytest
import uvicorn

from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.reviewing.collecting import copied_ids
from harness.pipeline.reviewing.reviews import read_reviews
from harness.viewer.serving import listening
from harness.viewer.site import application
from tests.browser import Visit, barriers, overflow
from tests.small_run import EVAL, TUNED, made_run

QUEUE = f"runs/run/review?eval={EVAL}&model={TUNED}&size=20"
SAMPLE = f"runs/run/samples/{EVAL}/colours.test.3?model={TUNED}"
Served = tuple[str, RunFolder]


@pytest.fixture
def served(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The viewer of one small run on a socket, and the run."""
    folder = made_run(tmp_path / "run")
    app = application(tmp_path, ("127.0.0.1",), cache=tmp_path_factory.mktemp("indexes"))
    with listening("127.0.0.1", 0) as listener:
        server = uvicorn.Server(
            uvicorn.Config(app, lifespan="off", ws="none", log_level="critical")
        )
        thread = Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        while b"being read" in urlopen(f"{address}runs/run/reviews").read():
            time.sleep(0.1)
        yield address, folder
        server.should_exit = True
        thread.join()


def opinions(folder: RunFolder) -> list[str]:
    return [review.opinion for review in read_reviews(folder)]


@pytest.mark.parametrize(("keys", "opinion"), [("1r", "right"), ("2w", "wrong"), ("3u", "unsure")])
def test_a_key_judges_and_brings_the_next_answer(
    browser: Any, served: Served, keys: str, opinion: str
) -> None:
    address, folder = served
    with Visit(browser, address + QUEUE) as page:
        for number, key in enumerate(keys, start=1):
            first = page.locator(".review-id bdi").inner_text()
            page.keyboard.press(key)
            page.wait_for_selector(f".review-progress:has-text('{number} of 20')")
            page.wait_for_load_state()  # a key before the script listens judges nothing
            assert page.locator(".review-id bdi").inner_text() != first
    assert opinions(folder) == [opinion, opinion]


def test_keys_that_are_typed_into_a_note_judge_nothing(browser: Any, served: Served) -> None:
    address, folder = served
    with Visit(browser, address + QUEUE) as page:
        page.get_by_text("Note and name").click()
        page.get_by_label("Note", exact=True).type("true wurst 123")
        page.get_by_label("Your name").fill("Ana")
        page.keyboard.press("Control+1")
        assert opinions(folder) == []
        page.get_by_role("button", name="Wrong").click()
        page.wait_for_selector("text=1 of 20")
        assert "you said wrong, the grader says" in page.locator(".review-last").inner_text()
    (review,) = read_reviews(folder)
    assert (review.note, review.reviewer, review.blind) == ("true wurst 123", "Ana", True)


def test_on_a_samples_page_a_verdict_stays_in_place(browser: Any, served: Served) -> None:
    address, folder = served
    with Visit(browser, address + SAMPLE) as page:
        here = page.url
        page.keyboard.press("w")
        said = page.locator("[data-review-current] .review-said")
        said.get_by_text("You said wrong.").wait_for()
        assert page.locator("[data-review-current] [value=wrong]").get_attribute(
            "aria-pressed"
        ) == ("true")
        assert page.url == here
        page.keyboard.press("3")
        said.get_by_text("You said unsure.").wait_for()
        page.keyboard.press("u")
        page.wait_for_url("**/samples?**")
    (review,) = read_reviews(folder)
    assert (review.opinion, review.model, review.drawn) == ("unsure", TUNED, False)


def test_an_answer_that_cannot_be_saved_says_so(browser: Any, served: Served) -> None:
    address, folder = served
    with Visit(browser, address + SAMPLE) as page:
        page.route("**/runs/run/reviews", lambda route: route.fulfill(status=204, body=""))
        page.keyboard.press("r")
        page.locator(".review-said").get_by_text("Not saved").wait_for()
    assert opinions(folder) == []


@pytest.mark.parametrize("place", [QUEUE, SAMPLE])
def test_without_a_script_the_form_works(browser: Any, served: Served, place: str) -> None:
    address, folder = served
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + place)
    page.locator(".review [value=right]:visible").first.click()
    page.wait_for_load_state()
    assert opinions(folder) == ["right"]
    assert page.url == address + place
    context.close()


def test_ticked_samples_are_downloaded(browser: Any, served: Served) -> None:
    address, folder = served
    with Visit(browser, f"{address}runs/run/samples?eval={EVAL}&model={TUNED}&state=wrong") as page:
        page.get_by_label("Copy colours.test.3", exact=True).check()
        page.get_by_role("button", name="Copy as dataset").click()
        page.get_by_text("1 sample of").wait_for()
        page.get_by_text("--as prompts --out to-write.jsonl").wait_for()
        page.get_by_label("Training examples").check()
        page.get_by_text("--as chat --out more.jsonl").wait_for()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download", exact=True).click()
        text = Path(download.value.path()).read_text()
    assert text.count("\n") == 1
    assert "red 3" in text
    assert copied_ids(folder, EVAL) == {"colours.test.3"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_and_can_be_used_by_everybody(
    browser: Any, served: Served, scheme: str
) -> None:
    address, folder = served
    for place in (
        QUEUE,
        SAMPLE,
        "runs/run/reviews",
        f"runs/run/dataset?eval={EVAL}&model={TUNED}&state=wrong",
    ):
        with Visit(browser, address + place, width=360, scheme=scheme) as page:
            assert overflow(page) <= 0, place
            assert barriers(page) == [], place
            if page.locator("form.review").count():
                page.keyboard.press("1")
                page.wait_for_timeout(200)
    assert len(read_reviews(folder)) == 2
