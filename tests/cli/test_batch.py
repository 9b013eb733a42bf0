"""--batch as it is typed: killed anywhere, resumed, cancelled, refused where it cannot be."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from harness.running.journal import latest

EVAL = """
small.test.v1:
  class: evals.elsuite.basic.includes:Includes
  args: {samples_jsonl: small.jsonl, task: one-answer, temperature: 1, seed: 5, max_tokens: 6}
"""
PRICES = 'tiny-base: {input: 1, output: 1, as_of: "2026-11"}\n'
KEY = "sk-geheim-0123456789"
Started = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a registry of one eval with 10 samples."""
    (tmp_path / "reg" / "evals").mkdir(parents=True)
    (tmp_path / "reg" / "data").mkdir()
    (tmp_path / "reg" / "evals" / "small.yaml").write_text(EVAL)
    samples = (
        {"input": [{"role": "user", "content": f"order {i // 2} is late"}], "ideal": "late"}
        for i in range(10)
    )
    data = "".join(json.dumps(sample) + "\n" for sample in samples)
    (tmp_path / "reg" / "data" / "small.jsonl").write_text(data)
    return tmp_path


@pytest.fixture
def harness(place: Path) -> Started:
    def started(*words: str) -> subprocess.Popen[str]:
        env = {k: v for k, v in os.environ.items() if not k.startswith("OPENAI_")}
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *words],
            cwd=place,
            env={**env, "HOME": str(place), "OPENAI_API_KEY": KEY},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return started


@pytest.fixture
def run(harness: Started, batch_server: Any) -> Started:
    """Start the run of the eval on the server of batches."""
    words = ("run", "small.test.v1", "-m", "tiny-base", "--registry", "reg", "--repeats", "2")
    return lambda *more: harness(*words, "--base-url", batch_server.url, *more)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def numbers(folder: Path) -> Any:
    """All of report.json but the command that made it, and times."""

    def timeless(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: timeless(v) for k, v in value.items() if not re.search("latency|_s$", k)}
        return [timeless(one) for one in value] if isinstance(value, list) else value

    report = json.loads((folder / "report.json").read_text())
    del report["provenance"]["command"]
    return timeless(report)


def answers(folder: Path) -> Any:
    found = latest(folder / "journal.jsonl")
    return sorted((o.sample_id, o.repeat, o.completion and o.completion.text) for o in found)


@pytest.fixture
def direct(place: Path, run: Started) -> Path:
    """The folder of the same run without batches."""
    code, _, err = ended(run("--out", "direct"))
    assert code == 0, err
    return place / "direct"


@pytest.mark.parametrize(
    "route",
    ["POST /v1/files", "POST /v1/batches", "GET /v1/batches/ID", "GET /v1/files/ID/content"],
)
def test_killed_anywhere_and_resumed_nothing_is_sent_twice_and_the_report_is_the_same(
    place: Path, run: Started, direct: Path, batch_server: Any, route: str
) -> None:
    process = run("--batch", "--out", "batched")

    def kill() -> bool:
        process.send_signal(signal.SIGKILL)
        process.wait()
        del batch_server.hooks[route]
        return True

    batch_server.hooks[route] = kill
    assert ended(process)[0] == -signal.SIGKILL
    assert not (place / "batched" / "report.json").exists()
    code, _, err = ended(run("--batch", "--out", "batched", "--resume"))
    assert code == 0, err
    assert "p95_s" in (direct / "report.json").read_text()
    assert "p95_s" not in (place / "batched" / "report.json").read_text()
    assert numbers(place / "batched") == numbers(direct)
    assert answers(place / "batched") == answers(direct)
    assert len(batch_server.batches.answered) == 20
    assert set(batch_server.batches.answered.values()) == {1}
    assert batch_server.calls["POST /v1/files"] == batch_server.calls["POST /v1/batches"] == 1


def test_ctrl_c_leaves_batches_running_and_says_how_to_go_on_and_to_cancel(
    place: Path, harness: Started, run: Started, batch_server: Any
) -> None:
    process = run("--batch", "--out", "batched")
    cancelled = Event()

    def answer_three(batch: int, place: int, line: Any) -> None:
        if place >= 3:
            cancelled.wait(60)

    batch_server.batches.fate = answer_three
    batch_server.hooks["GET /v1/batches/ID"] = lambda: bool(process.send_signal(signal.SIGINT))
    code, _, err = ended(process)
    batch_server.hooks.clear()
    assert code == 130, err
    assert "Traceback" not in err
    assert "--batch --out batched --resume" in err
    (name,) = set(re.findall(r"batch_\w+", err))
    assert f"The server goes on with {name}." in err
    assert "harness batches batched --cancel" in err

    code, _, err = ended(run("--out", "batched", "--resume"))
    assert code == 2
    assert f"under way ({name})" in err

    code, out, _ = ended(harness("batches", "batched"))
    assert out == f"{name}  in_progress  3 of 20 answered\n"
    code, out, _ = ended(harness("batches", "batched", "--cancel"))
    assert f"{name}  cancelling" in out
    cancelled.set()

    code, _, err = ended(run("--batch", "--out", "batched", "--resume"))
    assert code == 2
    assert f"{name} was cancelled" in err
    code, _, err = ended(run("--out", "batched", "--resume"))
    assert code == 0, err
    assert len(answers(place / "batched")) == 20
    assert ended(harness("batches", "batched"))[1] == "No batches are under way.\n"


def test_sigterm_ends_the_waiting_as_ctrl_c_does(run: Started, batch_server: Any) -> None:
    process = run("--batch", "--out", "batched")
    waiting = Event()
    batch_server.batches.fate = lambda *_: waiting.wait(60) and None
    batch_server.hooks["GET /v1/batches/ID"] = lambda: bool(process.send_signal(signal.SIGTERM))
    code, _, err = ended(process)
    waiting.set()
    assert code == 130, err
    assert "The server goes on with batch_" in err


@pytest.mark.parametrize(
    ("model", "kind"), [("embedded:tiny-base", "embedded"), ("recorded:a.jsonl", "recorded")]
)
def test_models_without_batches_are_refused_before_anything_is_asked(
    place: Path, harness: Started, model: str, kind: str
) -> None:
    (place / "a.jsonl").write_text("")
    words = ("run", "small.test.v1", "--registry", "reg", "-m", model, "--batch", "--out", "no")
    code, _, err = ended(harness(*words))
    assert code == 2
    assert f"--batch: {kind} models have no batches" in err
    assert not (place / "no").exists()


def test_a_cap_on_cost_is_refused_because_a_batch_cannot_keep_it(
    place: Path, run: Started, batch_server: Any
) -> None:
    (place / "prices.yaml").write_text(PRICES)
    code, _, err = ended(
        run("--batch", "--max-cost", "1", "--prices", "prices.yaml", "--out", "no")
    )
    assert code == 2
    assert "--max-cost cannot be kept with --batch" in err
    assert not batch_server.calls


def test_a_server_without_batches_is_said_to_be_one(
    place: Path, run: Started, batch_server: Any
) -> None:
    batch_server.hidden = True
    code, _, err = ended(run("--batch", "--out", "no"))
    assert code == 2
    assert "has no Batch API (404)" in err
    assert "leave out --batch" in err
    assert not (place / "no").exists()


def test_the_key_is_in_no_file_of_the_run(place: Path, run: Started) -> None:
    code, out, err = ended(run("--batch", "--out", "batched"))
    assert code == 0, err
    written = [path.read_bytes() for path in (place / "batched").rglob("*") if path.is_file()]
    assert len(written) > 5
    assert not any(KEY.encode() in data for data in (*written, out.encode(), err.encode()))
