"""Texts of strangers in every place that the viewer shows: none runs, none loads, none is markup.

Models' answers, prompts, ideals, labels, names of models, evals, studies, reviewers, folders and
files, and whatever an address says.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from harness import __version__
from harness.pipeline.folder import manifest as manifests
from harness.pipeline.folder.manifest import Manifest, Plan
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.reviewing.reviews import Review, add_review, answer_hash
from harness.records import (
    Completion,
    EvalSpec,
    Experiment,
    Failure,
    Outcome,
    Score,
    Study,
)
from harness.running.journal import Journal
from harness.viewer.addresses import sample_address, samples_address
from tests.browser import FOREIGN, HANDLERS, OPEN_DETAILS, Visit, overflow
from tests.hostile import HOSTILE
from tests.served_viewer import served

pytestmark = [pytest.mark.browser, pytest.mark.long]

NOT_OURS = (
    *("animate", "applet", "audio", "base", "embed", "foreignobject", "frame", "iframe", "img"),
    *("marquee", "math", "noscript", "object", "plaintext", "source", "template", "video"),
)
STRANGE = f"""(names) => ({{
  ran: window.__xss ?? null,
  elements: ({FOREIGN})(names),
  handlers: ({HANDLERS})(),
  addresses: [...document.querySelectorAll("[href], [src], [action]")]
    .map((e) => e.getAttribute("href") ?? e.getAttribute("src") ?? e.getAttribute("action"))
    .filter((to) => !/^([/?#](?![/\\\\])|data:,$|$)/.test(to)),
  inline: [...document.querySelectorAll("style, script:not([src^='/static/'])")]
    .slice(document.querySelector("meta[http-equiv=Content-Security-Policy]") ? 2 : 0)
    .map((e) => e.outerHTML.slice(0, 99)),
  waits: document.querySelectorAll("#indexing, progress.waiting").length,
}})"""
"""What is not the viewer's own: addresses that lead out of it, too; and whether it is ready. A
report has one style and one script in it."""

EVAL = "colours.test.v1"
SHORT = tuple(text for text in HOSTILE if len(text) < 400 and "\ud800" not in text)


def text(number: int) -> str:
    return HOSTILE[number % len(HOSTILE)]


def name(number: int) -> str:
    return SHORT[number % len(SHORT)]


def file_names() -> list[str]:
    """What of each text can be the name of a file."""
    parts = (max(one.split("/"), key=len) for one in SHORT if "\0" not in one)
    fit = (one for one in parts if len(os.fsencode(one)) < 200 and not one.startswith("."))
    return list(dict.fromkeys(fit))


def sample_of(number: int) -> str:
    return f"colours.test.{number}"


BASE, TUNED = name(6), name(14)


def hostile_run(path: Path) -> RunFolder:
    """Every text once as prompt, ideal, answer, label, reason, and what a judge said."""
    data = path.parent / "texts.jsonl"
    data.write_text(
        "".join(
            json.dumps(
                {
                    "input": [{"role": "user", "name": name(n), "content": text(n)}],
                    "ideal": text(n + 1),
                    "note": text(n + 2),
                }
            )
            + "\n"
            for n in range(len(HOSTILE))
        )
    )
    folder = planned(path, name(0), EVAL, data, (BASE, TUNED))
    with Journal.open(folder.journal, "plan") as journal:
        for n in range(len(HOSTILE)):
            for turn, model in enumerate((BASE, TUNED)):
                journal.append(answered(EVAL, model, sample_of(n), n + 3 + turn))
        for n in range(12):  # evals and samples that nobody planned
            journal.append(answered(name(4 * n), name(n + 1), name(n + 2), n))
    return folder


def planned(path: Path, study: str, eval: str, data: Path, models: tuple[str, str]) -> RunFolder:
    """A run folder with a plan."""
    spec = EvalSpec(eval, "match", data)
    experiment = Experiment(eval, (eval,), others=models[1:])
    folder = RunFolder(path)
    plan = Plan(Study(study, models[0], (experiment,), description=study), (spec,))
    manifests.write(Manifest(plan, f"harness run {study}", __version__), folder.manifest)
    return folder


def answered(eval: str, model: str, sample_id: str, number: int) -> Outcome:
    place = (eval, model, sample_id, 0, f"{number}")
    if number % 9 == 8:
        return Outcome(*place, failure=Failure(name(number), text(number + 1)))
    mark = Score(
        float(number % 2),
        name(number + 1),
        text(number + 2),
        details={name(number): 0.5},
        judged=(Completion(text(number + 3)),),
    )
    call = {"function": {"name": name(number), "arguments": text(number + 1)}}
    said = Completion(text(number), name(number + 5), tool_calls=(call,) if number % 5 == 0 else ())
    return Outcome(*place, said, {name(number + 4): mark})


def reviewed(folder: RunFolder) -> None:
    """Strangers' names and notes beside the run."""
    for n in range(0, 24, 2):
        outcome = answered(EVAL, TUNED, sample_of(n), n + 4)
        review = Review(
            *(EVAL, TUNED, sample_of(n), 0, outcome.request_key, answer_hash(outcome)),
            *("wrong", name(n), "2026-01-01T00:00:00+00:00", text(n)),
        )
        add_review(folder, review)


def named_runs(root: Path) -> list[str]:
    """Small runs whose folder, study, eval, models and data files have hostile names."""
    made = []
    for n, folder_name in enumerate(file_names()):
        data = root / file_names()[n - 1]
        data = data.with_name(data.name + ".jsonl")
        models = (name(n + 1), name(n + 2))
        folder = planned(root / folder_name, name(n + 3), name(n + 4), data, models)
        with Journal.open(folder.journal, "plan") as journal:
            for model in models:
                journal.append(answered(name(n + 4), model, f"{name(n)}.0", n))
        made.append(folder_name)
    return made


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of it."""
    root = tmp_path_factory.mktemp("<b>runs")
    reviewed(hostile_run(root / "texts"))
    named_runs(root)
    return root


@pytest.fixture(scope="module")
def site(root: Path) -> Iterator[str]:
    with served(root) as url:
        yield url


class Watched:
    """A browser's page that looks at every page it opens."""

    def __init__(self, page: Any, site: str) -> None:
        self.page = page
        self.site = site

    def look(self, path: str) -> None:
        """Open a page; when it is ready, nothing on it may be a stranger's but text."""
        while True:
            answer = self.page.goto(self.site + path)
            assert answer.status == 200, f"{path}: {answer.status}"
            found = self.page.evaluate(STRANGE, NOT_OURS)
            if not found.pop("waits"):
                break
            time.sleep(0.2)
        assert not any(found.values()), f"{path}: {found}"

    def open_all(self) -> None:
        """Unfold what is folded; the same holds."""
        self.page.evaluate(OPEN_DETAILS)
        found = self.page.evaluate(STRANGE, NOT_OURS)
        assert not any(found.values()), f"{self.page.url}: {found}"


@pytest.fixture
def watched(browser: Any, site: str) -> Iterator[Watched]:
    with Visit(browser, site) as page:
        yield Watched(page, site)


def test_there_are_enough_texts_and_names_of_files() -> None:
    assert len(set(HOSTILE)) >= 50
    assert len(set(file_names())) >= 50


def test_names_of_folders_studies_evals_models_and_files_are_text(
    watched: Watched, site: str
) -> None:
    watched.look("/")
    watched.look("/?page=2")
    for number, one in enumerate(file_names()):
        page = ("", "/samples", "/progress", "/reviews")[number % 4]
        watched.look(f"/runs/{quote(one, safe='')}{page}")


def test_every_text_is_shown_on_the_list_and_none_is_markup(watched: Watched) -> None:
    asked = {"eval": EVAL, "model": TUNED, "other": BASE}
    for view, number in product(("", "models"), (1, 2)):
        watched.look(samples_address("texts", {**asked, "view": view, "page": number}))
        assert watched.page.locator("[data-rows] tbody tr").count() > 10
        assert overflow(watched.page) <= 0


def test_every_text_is_text_on_a_sample_s_page_and_in_its_address(watched: Watched) -> None:
    asked = {"model": TUNED, "other": BASE}
    for number in range(0, len(HOSTILE), 4):
        told = {**asked, "words": name(number), "label": name(number + 1)}
        watched.look(sample_address("texts", EVAL, sample_of(number), told))
        watched.open_all()
    for number in range(0, 12, 3):
        watched.look(sample_address("texts", name(4 * number), name(number + 2), {}))


@pytest.mark.parametrize("page", ["samples", "dataset"])
def test_every_text_is_text_as_a_filter_in_an_address(watched: Watched, page: str) -> None:
    for number in range(page == "dataset", len(SHORT), 6):
        told = {key: name(number + n) for n, key in enumerate(("words", "label", "state", "sort"))}
        asked = {"eval": EVAL, "model": TUNED, "other": BASE}
        watched.look(f"/runs/texts/{page}?" + urlencode({**asked, **told}))


def test_texts_are_text_on_every_other_page(watched: Watched) -> None:
    for number in range(0, len(SHORT), 8):
        words = {"words": name(number), "study": name(number + 1), "model": name(number + 2)}
        watched.look("/?" + urlencode(words))
        watched.look("/compare?" + urlencode({"a": name(number), "b": "texts", "bm": name(number)}))
        watched.look("/studies/" + quote(name(number % 48 + 3), safe=""))
    queue = {"eval": EVAL, "model": TUNED, "size": 20}
    watched.look("/runs/texts/review?" + urlencode(queue))
    watched.look("/runs/texts/reviews")
    asked = {"eval": EVAL, "model": TUNED, "other": BASE, "id": sample_of(3)}
    watched.look("/runs/texts/dataset?" + urlencode(asked))
    sides = {"a": "texts", "am": BASE, "b": "texts", "bm": TUNED}
    watched.look("/compare?" + urlencode({**sides, "change": 1}))
    watched.look("/compare?" + urlencode(sides))
