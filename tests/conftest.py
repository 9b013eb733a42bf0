"""What tests of several rooms share.

The embedded model's server, also one whose batches go wrong, a task to tune it on, a browser, and
the reference package where it is there.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import shutil
import signal
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Thread
from types import ModuleType
from typing import Any

import pytest
import uvicorn

from harness.embedded.batch_files import Fault, FaultyFile, Line
from harness.embedded.batches import Batch, Batches
from harness.embedded.corpus import sentence
from harness.embedded.listing import Json
from harness.embedded.server import application
from harness.embedded.serving import base_url, listening, running_server
from harness.embedded.workshop import Workshop

# A shell starts what runs in its background with Ctrl-C ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

LABELS = {"billing": "A", "travel": "B", "cooking": "C"}
Example = dict[str, list[dict[str, str]]]
GOLDEN = Path(__file__).parents[2] / "shared" / "golden"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Chromium asks nobody anything by itself."""


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[str]:
    """The base URL (``http://127.0.0.1:<port>/v1``) of a server of the embedded model."""
    with running_server() as base_url:
        yield base_url


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    """The embedded model without a server."""
    with Workshop() as workshop:
        yield workshop


def triage_examples(count: int, seed: int) -> list[Example]:
    """Sentences of three topics with a letter for each: the base model cannot know the letters."""
    random = Random(seed)
    topics = [random.choice(sorted(LABELS)) for _ in range(count)]
    return [
        {
            "messages": [
                {"role": "user", "content": sentence(random, topic)},
                {"role": "assistant", "content": LABELS[topic]},
            ]
        }
        for topic in topics
    ]


def as_jsonl(examples: list[Any]) -> str:
    """Examples, one a line."""
    return "".join(json.dumps(example) + "\n" for example in examples)


@pytest.fixture(scope="session")
def triage_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A training file of 24 examples and a validation file of 8."""
    folder = tmp_path_factory.mktemp("triage")
    training, validation = folder / "train.jsonl", folder / "valid.jsonl"
    training.write_text(as_jsonl(triage_examples(24, seed=1)))
    validation.write_text(as_jsonl(triage_examples(8, seed=2)))
    return training, validation


# --- a browser -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, without a screen; `tests.browser.Visit` opens its pages.

    It lasts for a file of tests: while it runs, its event loop stands in the way of others.
    """
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not chromium:
        pytest.skip("no Chromium: install it or set CHROMIUM to its path")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        yield launched
        launched.close()


# --- the reference package -----------------------------------------------------------


@pytest.fixture(scope="session")
def reference_registry() -> Path:
    """The registry folder of the reference package, found without importing it."""
    spec = importlib.util.find_spec("evals")
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders or not (Path(folders[0]) / "registry" / "evals").is_dir():
        pytest.skip("the reference package evals is not installed")
    return Path(folders[0]) / "registry"


@pytest.fixture(scope="session")
def reference(reference_registry: Path) -> Iterator[ModuleType]:
    """The reference package, imported; its registry builds a client, which wants a key."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("OPENAI_API_KEY", "not a key")
        try:
            importlib.import_module("evals.registry")
            importlib.import_module("evals.elsuite.basic.json_match")
        except ImportError as error:
            pytest.skip(f"the reference package evals cannot be imported: {error}")
        yield importlib.import_module("evals")


@pytest.fixture(scope="session")
def golden() -> Path:
    """Logs written by the reference implementation."""
    if not GOLDEN.is_dir():
        pytest.skip(f"no golden logs at {GOLDEN}")
    return GOLDEN


@pytest.fixture(scope="session")
def keyed_server() -> Iterator[str]:
    """The embedded model behind a key that nobody has."""
    from harness.embedded.serving import running_server

    with running_server(api_key="the-right-key") as base_url:
        yield base_url


# --- a server of batches that can be tampered with -----------------------------------


class TamperedBatches(Batches):
    """The embedded server's batches: counts what it answers, and goes wrong where it is told to.

    Every attribute is asked first; None leaves things as they are.
    """

    def __init__(self, workshop: Workshop) -> None:
        endpoints = {"/v1/chat/completions": workshop.chat, "/v1/completions": workshop.complete}
        super().__init__(workshop.files, endpoints, time.time)
        self.answered: Counter[str] = Counter()
        self.seen: list[tuple[str, int]] = []
        self.faults: Callable[[int], list[Fault]] = lambda batch: []
        self.fate: Callable[[int, int, Line], Json | None] = lambda batch, line, request: None
        self.over: Callable[[int, int], bool] = lambda batch, line: False
        self.mangled: Callable[[list[bytes]], list[bytes]] = list

    def checked(self, batch: Batch, data: bytes) -> tuple[Line, ...]:
        lines = super().checked(batch, data)
        self.seen.append((batch.id, len(lines)))
        if faults := self.faults(len(self.seen)):
            raise FaultyFile(faults)
        return lines

    def is_over(self, batch: Batch) -> bool:
        return self.over(len(self.seen), sum(batch.counts.values()) - batch.counts["total"])

    def result(self, batch: Batch, line: Line) -> Json:
        self.answered[line.custom_id] += 1
        place = sum(batch.counts.values()) - batch.counts["total"]
        return self.fate(len(self.seen), place, line) or super().result(batch, line)

    def encoded(self, results: Sequence[Json]) -> bytes:
        return b"".join(self.mangled([super(TamperedBatches, self).encoded([r]) for r in results]))


@dataclass
class BatchServer:
    """The server over HTTP. ``calls`` counts requests by route.

    A hook runs when a route has done its work and before it answers; it says whether the
    answer is lost. ``hidden``: the server has neither files nor batches.
    """

    batches: TamperedBatches
    url: str = ""
    calls: Counter[str] = field(default_factory=Counter)
    hooks: dict[str, Callable[[], bool]] = field(default_factory=dict)
    hidden: bool = False

    def wrapped(self, app: Any) -> Any:
        async def watched(scope: Any, receive: Any, send: Any) -> None:
            held: list[Any] = []

            async def hold(message: Any) -> None:
                held.append(message)

            if self.hidden and re.search("/(files|batches)", scope["path"]):
                scope = {**scope, "path": "/nothing"}
            await app(scope, receive, hold)
            path = re.sub(r"/(file-|batch_)\w+", "/ID", scope["path"])
            route = f"{scope['method']} {path}"
            self.calls[route] += 1
            hook = self.hooks.get(route)
            if hook is None or not hook():
                for message in held:
                    await send(message)

        return watched


@pytest.fixture
def batch_server() -> Iterator[BatchServer]:
    """The embedded model with batches that a test can tamper with."""
    with Workshop() as workshop, listening("127.0.0.1", 0) as listener:
        workshop.batches.close()
        workshop.batches = TamperedBatches(workshop)
        running = BatchServer(workshop.batches, base_url(listener))
        app = running.wrapped(application(workshop))
        config = uvicorn.Config(
            app, lifespan="off", ws="none", log_level="critical", timeout_graceful_shutdown=3
        )
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        yield running
        server.should_exit = True
        thread.join()
