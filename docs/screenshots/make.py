"""Makes the pictures of report and viewer in docs/images anew, with a real browser.

    python docs/screenshots/make.py [NAME...]

The runs in them are the committed example and a loop of the demo, which is made once, in
build/screenshots; a page that cannot be shown is skipped and named. Chromium is the one that
CHROMIUM names, or that is on the path.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Error, sync_playwright

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
RUNS = ROOT / "build" / "screenshots" / "runs"
EXAMPLE = RUNS / "example"
HARNESS = (sys.executable, "-m", "harness")
WORKING = re.compile("Indexing|being made|being read")
PATIENCE_S = 90
LARGEST = 400_000
"""Bytes of a picture; a larger one is named."""


@dataclass(frozen=True)
class Shot:
    """A picture: of which page, from which part on, how high, and what is done before.

    ``of`` says which viewer's page it is; "" is a file.
    """

    name: str
    page: str
    of: str = ""
    part: str = ""
    height: int = 860
    width: int = 1280
    scheme: str = "light"
    before: str = ""


def shots() -> list[Shot]:
    """Every picture there is to be."""
    report = (EXAMPLE / "report.html").as_uri()
    models = quote(best_model(), safe="")
    compared = f"/compare?a=example&am=tiny-base&b=example&bm={models}"
    return [
        Shot("report", report, height=1180),
        Shot("report-dark", report, height=1180, scheme="dark"),
        Shot("report-charts", report, part="#eval-1"),
        Shot("report-charts-dark", report, part="#eval-1", scheme="dark"),
        Shot("report-samples", report, part=".flips", before="(e) => { e.open = true; }"),
        Shot("report-phone", report, width=390, height=844),
        Shot("viewer-runs", "/", "runs"),
        Shot("viewer-runs-dark", "/", "runs", scheme="dark"),
        Shot("viewer-run", "/runs/example", "runs"),
        Shot("viewer-samples", "/runs/example/samples", "runs"),
        Shot("viewer-samples-dark", "/runs/example/samples", "runs", scheme="dark"),
        Shot("viewer-compare", compared, "runs", height=1000),
        Shot("viewer-compare-dark", compared, "runs", height=1000, scheme="dark"),
        Shot("viewer-history", "/studies/demo", "loop", height=1000),
        Shot("viewer-reviews", "/runs/example/reviews", "runs"),
    ]


def best_model() -> str:
    """The checkpoint that the example's report says to use for its first eval."""
    report = json.loads((EXAMPLE / "report.json").read_text(encoding="utf-8"))
    first = report["advice"][0]["eval"]
    return next(one["checkpoint"] for one in reversed(report["advice"]) if one["eval"] == first)


# --- runs ----------------------------------------------------------------------------


def prepare() -> None:
    """Runs to look at: the example with a report of today, and a loop of three rounds."""
    RUNS.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(EXAMPLE, ignore_errors=True)
    shutil.copytree(ROOT / "reports" / "example", EXAMPLE)
    harness("report", EXAMPLE)
    if not (RUNS / "loop" / "report.json").exists():
        resume = ["--resume"] if (RUNS / "loop").exists() else []
        rounds = ("--epochs", 1, "--max-rounds", 3)
        harness("loop", "demo", *rounds, "--out", RUNS / "loop", *resume)


def harness(*words: object) -> None:
    """Run a command of the harness, without its output."""
    print(f"harness {' '.join(map(str, words))}", flush=True)
    subprocess.run([*HARNESS, *map(str, words)], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def viewer(folder: str) -> Iterator[str]:
    """The address of a viewer of the runs in a folder."""
    command = [*HARNESS, "view", folder, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=RUNS.parent) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            yield next(word for word in first.split() if word.startswith("http")).rstrip("/")
        finally:
            process.terminate()


# --- pictures ------------------------------------------------------------------------


def take(browser: Any, shot: Shot, viewers: dict[str, str]) -> None:
    """Take a picture, or say why there is none."""
    url = viewers.get(shot.of, "") + shot.page
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height}, color_scheme=shot.scheme
    )
    try:
        page = context.new_page()
        answer = page.goto(url, wait_until="networkidle")
        if answer is not None and answer.status >= 400:
            print(f"skipped {shot.name}: {url} answers {answer.status}")
            return
        await_work(page)
        if shot.part:
            part = page.locator(shot.part).first
            if shot.before:
                part.evaluate(shot.before)
            part.evaluate("(e) => scrollTo({ top: e.getBoundingClientRect().top + scrollY - 16 })")
        page.wait_for_timeout(400)
        file = IMAGES / f"{shot.name}.png"
        page.screenshot(path=file, animations="disabled")
        size = file.stat().st_size
        print(f"{file.relative_to(ROOT)}  {size / 1000:.0f} kB", "TOO LARGE" * (size > LARGEST))
    except Error as error:
        print(f"skipped {shot.name}: {error.message.splitlines()[0]}")
    finally:
        context.close()


def await_work(page: Any) -> None:
    """Load a page again until it says no more that it is at work."""
    for _ in range(PATIENCE_S):
        if not WORKING.search(page.inner_text("body")):
            return
        page.wait_for_timeout(1000)
        with suppress(Error):  # a page at work loads itself anew, too
            page.reload(wait_until="networkidle")
    page.wait_for_load_state()


def main() -> None:
    """Take all pictures, or those that are named."""
    prepare()
    wanted = set(sys.argv[1:])
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with viewer("runs") as runs, viewer("runs/loop") as loop, sync_playwright() as playwright:
        viewers = {"runs": runs, "loop": loop}
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for shot in shots():
            if not wanted or shot.name in wanted:
                take(browser, shot, viewers)
        browser.close()


if __name__ == "__main__":
    main()
