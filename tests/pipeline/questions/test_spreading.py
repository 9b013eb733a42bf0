"""Runs on real Ray workers against a real server: the same numbers, also when a worker dies."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson
import pytest
from aiohttp import web

from harness.errors import AuthenticationFailed, UsageError
from harness.models.providers import Access, ModelName
from harness.pipeline import Order, run_study
from harness.pipeline.orders.order import single_run
from harness.pipeline.study import Finished
from harness.registry import load_registry
from harness.running.distributed import Cluster
from harness.running.journal import outcomes
from harness.running.retries import Limits

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'finetune-harness[ray]'")

pytestmark = pytest.mark.long

SAMPLES = 1200


class Answers:
    """A server that is right on two prompts of three, and never answers one of a hundred."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.refuses = False
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json(loads=orjson.loads)
        text = body["messages"][-1]["content"]
        self.asked[text] += 1
        if self.refuses:
            return web.json_response({"error": {"message": "no such key"}}, status=401)
        await asyncio.sleep(0.02)
        number = crc32(text.encode())
        if number % 100 == 0:
            return web.json_response({"error": {"message": "too long for me"}}, status=400)
        said = text if number % 3 else "no"
        return web.json_response(
            {
                "choices": [{"index": 0, "message": {"role": "assistant", "content": said}}],
                "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
            }
        )


@pytest.fixture
def server() -> Iterator[Answers]:
    answers = Answers()
    ready = threading.Event()
    ends: list[Callable[[], None]] = []

    async def serve() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        ends.append(lambda: loop.call_soon_threadsafe(done.set))
        app = web.Application()
        app.router.add_post("/v1/chat/completions", answers.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        answers.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        ready.set()
        await done.wait()
        # A socket that is accepted in the very turn in which the server stops is never closed:
        # let those that ended workers left behind come in first.
        await asyncio.sleep(0.5)
        await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    ready.wait()
    yield answers
    ends[0]()
    thread.join()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("registry")
    (root / "evals").mkdir()
    (root / "data").mkdir()
    (root / "evals/words.yaml").write_text(
        "words:\n  id: words.dev.v0\n  metrics: [accuracy]\n"
        "words.dev.v0:\n  class: evals.elsuite.basic.match:Match\n"
        "  args: {samples_jsonl: words.jsonl}\n"
    )
    lines = [
        {"input": [{"role": "user", "content": f"word {n}"}], "ideal": f"word {n}"}
        for n in range(SAMPLES)
    ]
    (root / "data/words.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return root


@pytest.fixture(scope="module", autouse=True)
def local_ray() -> Iterator[None]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


class Watch:
    """Sees how far a run is, and does something to it once."""

    def __init__(self, after: int = 0, act: Any = None) -> None:
        self.after, self.act, self.seen = after, act, 0

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **named: None

    def evaluating(self, size: int) -> Watch:
        return self

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None: ...

    def observe(self, outcome: Any, tally: Any) -> None:
        self.seen += 1
        if self.act is not None and self.seen >= self.after:
            act, self.act = self.act, None
            act()


def run(
    server: Answers, registry: Path, out: Path, watch: Watch | None = None, **order: Any
) -> Finished:
    study = single_run(ModelName("openai", "m"), ["words"], server.url)
    found = Order(study, out, "harness run", limits=Limits(16, max_attempts=2), **order)
    access = Access(base_url=server.url)
    return run_study(found, load_registry([registry]), access, watch or Watch())  # type: ignore[arg-type]


def numbers(run: Finished) -> Any:
    """What the report says of the eval, without what clocks decide."""
    told = json.loads(run.written.json.read_text())
    return told["evals"]


def settled(out: Path) -> Counter[tuple[str, int]]:
    return Counter((one.sample_id, one.repeat) for one in outcomes(out / "journal.jsonl"))


def kill_one() -> None:
    names = Path("/proc").glob("[0-9]*/cmdline")
    found = [int(name.parent.name) for name in names if b"ray::Worker" in _read(name)]
    os.kill(found[0], signal.SIGKILL)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_two_workers_report_what_one_process_does(
    server: Answers, registry: Path, tmp_path: Path
) -> None:
    here = run(server, registry, tmp_path / "here")
    spread = run(server, registry, tmp_path / "spread", cluster=Cluster(2))
    assert numbers(spread) == numbers(here)
    assert (spread.tally.answered, spread.tally.failed) == (here.tally.answered, here.tally.failed)
    assert spread.tally.failed > 0
    assert set(settled(tmp_path / "spread").values()) == {1}


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds the worker in /proc")
def test_a_killed_worker_loses_no_sample_and_none_is_graded_twice(
    server: Answers, registry: Path, tmp_path: Path
) -> None:
    here = run(server, registry, tmp_path / "here")
    spread = run(server, registry, tmp_path / "spread", Watch(200, kill_one), cluster=Cluster(2))
    assert numbers(spread) == numbers(here)
    found = settled(tmp_path / "spread")
    assert len(found) == SAMPLES
    assert set(found.values()) == {1}


def test_a_run_goes_on_on_the_other_engine(server: Answers, registry: Path, tmp_path: Path) -> None:
    whole = run(server, registry, tmp_path / "whole")

    def interrupt() -> None:
        raise KeyboardInterrupt

    for first, then in ((None, Cluster(2)), (Cluster(2), None)):
        out = tmp_path / f"part-{first is None}"
        with pytest.raises(KeyboardInterrupt):
            run(server, registry, out, Watch(300, interrupt), cluster=first)
        had = len(settled(out))
        assert 300 <= had < SAMPLES
        done = run(server, registry, out, cluster=then, resume=True)
        assert done.tally.skipped == had
        assert numbers(done) == numbers(whole)
        assert set(settled(out).values()) == {1}


def test_a_wrong_key_stops_all_workers_with_one_message(
    server: Answers, registry: Path, tmp_path: Path
) -> None:
    server.refuses = True
    with pytest.raises(AuthenticationFailed, match="key"):
        run(server, registry, tmp_path / "run", cluster=Cluster(2))
    assert sum(server.asked.values()) < SAMPLES


def test_what_workers_cannot_do_is_refused_before_the_first_call(
    server: Answers, registry: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="--engine ray: batches"):
        run(server, registry, tmp_path / "run", cluster=Cluster(2), batch=True)
    assert not server.asked
