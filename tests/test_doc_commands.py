"""Every command in README and docs runs, or says in its page's source why it is not run here.

A page's blocks run in its own folder, one after the other, as a reader would type them. Any server
that a page speaks of, OpenAI's included, is one of the embedded model under all names.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from zlib import crc32

import orjson
import pytest
from starlette.responses import Response

from harness.embedded.refusals import UnknownModel
from harness.embedded.server import application
from harness.embedded.serving import base_url, listening, server_of
from harness.embedded.workshop import Workshop
from tests.doc_pages import COMMANDS, ROOT, SHELLS, Block, blocks, pages

pytestmark = pytest.mark.long

PYTHON_ELSEWHERE = {
    "docs/api.md": "tests/api/test_names.py runs it as one program",
    "CONTRIBUTING.md": "shows parts of files",
}
ANSWERS = ("billing", "account", "shipping", '{"name": "Quinn"}', "Fresh socks for every day!", "5")
LINKED = ("datasets", "docs", "examples", "registry")
SERVER = re.compile(r"http://127\.0\.0\.1:\d+/v1|https://api\.openai\.com/v1|(?<=-url )URL\b")
SMALL_STUDY = """
small:
  base: tiny-base
  experiments:
    orders:
      evals: [orders.heldout.v1]
      training_data: {datasets}/orders/train.jsonl
      tuned: [{{model: orders-e1, epochs: 1}}, {{model: orders-e3, epochs: 3}}]
    tickets:
      evals: [tickets.heldout.v1]
      tuned: [{{model: tickets-e2, epochs: 2}}]
    slogans:
      evals: [slogans.heldout.v1]
      tuned: [{{model: slogans-e2, epochs: 2}}]
"""


class AnyModel:
    """The embedded server, which also stands in for models that it never heard of.

    Chats with these are answered at once, with words drawn by model and prompt; other requests
    (jobs, files, vectors) are the base model's.
    """

    def __init__(self, workshop: Workshop) -> None:
        self.app = application(workshop)
        self.models = workshop.models

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return await self.app(scope, receive, send)
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if not body.startswith(b"{") or self.knows(asked := orjson.loads(body)):
            return await self.app(scope, given(body), send)
        if scope["path"].endswith("/chat/completions"):
            return await Response(orjson.dumps(answered(asked)), media_type="application/json")(
                scope, receive, send
            )
        scope["headers"] = [h for h in scope["headers"] if h[0] != b"content-length"]
        return await self.app(scope, given(orjson.dumps(asked | {"model": "tiny-base"})), send)

    def knows(self, asked: dict[str, Any]) -> bool:
        """Whether the request names no model, or one that there is."""
        try:
            self.models.find(asked.get("model", "tiny-base"))
        except UnknownModel:
            return False
        return True


def given(body: bytes) -> Any:
    """A body that was read already, to be received again."""
    parts = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Any:
        return next(parts, {"type": "http.disconnect"})

    return receive


def answered(asked: dict[str, Any]) -> dict[str, Any]:
    """A chat completion with one of a few words."""
    said = orjson.dumps([asked["model"], asked["messages"]])
    texts = [ANSWERS[crc32(said + bytes([n])) % len(ANSWERS)] for n in range(asked.get("n") or 1)]
    choices = [
        {
            "index": n,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
            "logprobs": None,
        }
        for n, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 22}
    return {
        "id": f"chatcmpl-{crc32(said)}",
        "object": "chat.completion",
        "created": 0,
        "model": asked["model"],
        "choices": choices,
        "usage": usage,
    }


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with Workshop() as workshop, listening("127.0.0.1", 0) as listener:
        running = server_of(workshop, None)
        running.config.app = AnyModel(workshop)
        thread = Thread(target=running.run, args=([listener],), daemon=True)
        thread.start()
        yield base_url(listener)
        running.should_exit = True
        thread.join()


def spent() -> float:
    """CPU seconds of all commands so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True)
class Reader:
    """Somebody who types a page's commands in a folder."""

    folder: Path
    environment: dict[str, str]

    def types(self, command: str, place: str, codes: set[int], *, given: str = "") -> None:
        line = ["bash", "-euo", "pipefail", "-c", command]
        begun = spent()
        done = subprocess.run(
            line,
            cwd=self.folder,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        print(f"{spent() - begun:5.1f} CPU s  {place}: {command.splitlines()[0]}")
        told = f"{place}: {command}\nended with {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.returncode in codes, told


@pytest.fixture(scope="module")
def environment(server: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The reader's: this Python's commands, a home of its own, a key that is none."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI", "HARNESS", "EVALS"))}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path_factory.mktemp("home")),
        "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),
        "OPENAI_BASE_URL": server,
        "OPENAI_API_KEY": "no-key",
        "COLUMNS": "120",
    }


@pytest.fixture(scope="module")
def small_run(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study in place of the demo's, whose tuning takes minutes."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "small.yaml").write_text(SMALL_STUDY.format(datasets=ROOT / "datasets"))
    words = "harness study small.yaml --max-samples 8 --out demo --base-url $OPENAI_BASE_URL"
    Reader(folder, environment).types(words, "the small study", {0})
    return folder / "demo"


def runnable(page: str) -> list[Block]:
    """Blocks that are commands or Python, or are wanted as a file."""
    return [b for b in blocks(page) if b.kind in (*SHELLS, "python") or b.said("saved as")]


def runs_as_python(block: Block) -> bool:
    """Whether a block is a program of its own."""
    here = block.kind == "python" and block.page not in PYTHON_ELSEWHERE
    return here and block.reason("") is None


PAGES = [page for page in pages() if runnable(page)]


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run(
    page: str, environment: dict[str, str], small_run: Path, server: str, tmp_path: Path
) -> None:
    for name in LINKED:
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "reports").mkdir()
    reader = Reader(
        tmp_path, environment | {"DEMO": str(small_run), "PYTHONPATH": str(tmp_path / "packages")}
    )
    for block in runnable(page):
        for made in block.said("before"):
            reader.types(made, f"{block.place}, before it", {0})
        for name in block.said("saved as"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(block.text)
        if block.kind in SHELLS:
            codes = {0} | {int(n) for text in block.said("exit codes") for n in text.split()}
            for command in block.commands:
                if block.reason(command) is None:
                    reader.types(SERVER.sub(server, command), block.place, codes)
        elif runs_as_python(block):
            script = "\n".join([*block.said("before python"), block.text])
            reader.types(f"{sys.executable} -", block.place, {0}, given=script)


@pytest.mark.parametrize("page", pages())
def test_commands_stand_in_blocks_that_say_so(page: str) -> None:
    hidden = [b.place for b in blocks(page) if not b.kind and b.text.startswith(COMMANDS)]
    assert hidden == [], "write ```sh before commands, ```console where output follows"


def test_what_is_not_run_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    left = [
        (block.place, command, block.reason(command))
        for page in pages()
        for block in blocks(page)
        for command in (block.commands if block.kind in SHELLS else [""])
        if block.reason(command) is not None
    ]
    assert all(reason for _, _, reason in left)
    with capsys.disabled():
        for place, command, reason in left:
            print(f"\nnot run: {place}: {command}: {reason}", end="")
    assert shutil.which("bash")


def test_no_remark_is_misspelt() -> None:
    heads = {"exit codes", "saved as", "before", "before python", "not run"}
    said = {r.head.partition(" (")[0] for p in pages() for b in blocks(p) for r in b.remarks}
    assert said <= heads
