"""--lora-glob and --lora-load against a server that speaks as vLLM does."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import harness
from harness.cli import app
from harness.errors import HarnessError

EVAL = """
colours.test.v1:
  class: evals.elsuite.basic.match:Match
  args: {samples_jsonl: SAMPLES}
"""
STUDY = """
mine:
  base: org/base
  experiments:
    colours:
      evals: [colours.test.v1]
      others: [another]
"""


@dataclass
class Vllm:
    """What the fake server has, what it was asked to load, and where it is."""

    url: str = ""
    models: list[str] = field(default_factory=lambda: ["org/base", "another"])
    loads: bool = True
    loaded: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def vllm() -> Iterator[Vllm]:
    state = Vllm()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None: ...

        def say(self, status: int, body: object) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def do_GET(self) -> None:
            self.say(200, {"object": "list", "data": [{"id": name} for name in state.models]})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/v1/load_lora_adapter":
                if not state.loads:
                    return self.say(404, {"detail": "Not Found"})
                if not (Path(asked["lora_path"]) / "adapter_config.json").is_file():
                    return self.say(400, {"error": {"message": "no adapter there"}})
                state.loaded.append(asked)
                state.models.append(asked["lora_name"])
                return self.say(200, f"Success: LoRA adapter '{asked['lora_name']}' added.")
            if asked["model"] not in state.models:
                return self.say(404, {"error": {"message": "no such model"}})
            right = asked["model"].startswith("checkpoint")
            message = {"role": "assistant", "content": "blue" if right else "red"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return self.say(200, {"id": "x", "model": asked["model"], "choices": [choice]})

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an eval, a study and two LoRA checkpoints of one and two epochs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "reg" / "evals").mkdir(parents=True)
    samples = [{"input": f"{n}", "ideal": "blue"} for n in range(20)]
    lines = "".join(json.dumps(one) + "\n" for one in samples)
    (tmp_path / "samples.jsonl").write_text(lines)
    text = EVAL.replace("SAMPLES", str(tmp_path / "samples.jsonl"))
    (tmp_path / "reg" / "evals" / "colours.yaml").write_text(text)
    (tmp_path / "mine.yaml").write_text(STUDY)
    for step, epoch in ((10, 1.0), (20, 2.0)):
        folder = tmp_path / "out" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        config = {"base_model_name_or_path": "org/base", "r": 16}
        (folder / "adapter_config.json").write_text(json.dumps(config))
        log = [{"epoch": epoch, "step": step, "loss": 1.0}]
        state = {"epoch": epoch, "global_step": step, "log_history": log}
        (folder / "trainer_state.json").write_text(json.dumps(state))
    return tmp_path


def called(*words: str) -> Result:
    registry = ("--registry", "reg", "--data", ".")
    return CliRunner().invoke(app, [*words, *registry])


def compared(vllm: Vllm, *words: str) -> Result:
    first = ("compare", "org/base", "--lora-glob", "out/checkpoint-*", "-e", "colours.test.v1")
    return called(*first, "--base-url", vllm.url, "--out", "done", *words)


def epochs_of(folder: Path) -> dict[str, float]:
    metrics = harness.load_run(folder).metrics()
    return dict(zip(metrics.model, metrics.epochs, strict=True))


def test_served_adapters_are_checkpoints_with_their_epochs(place: Path, vllm: Vllm) -> None:
    vllm.models += ["checkpoint-10", "checkpoint-20"]
    done = compared(vllm)
    assert done.exit_code == 0, done.output
    assert not vllm.loaded
    assert epochs_of(place / "done") == {"org/base": 0, "checkpoint-10": 1, "checkpoint-20": 2}
    assert harness.load_run(place / "done").advice


def test_what_the_server_lacks_is_loaded_on_demand(place: Path, vllm: Vllm) -> None:
    vllm.models.append("checkpoint-10")
    done = compared(vllm, "--lora-load")
    assert done.exit_code == 0, done.output
    path = str(place / "out" / "checkpoint-20")
    assert vllm.loaded == [{"lora_name": "checkpoint-20", "lora_path": path}]


def test_a_study_takes_adapters_as_its_tuned_models(place: Path, vllm: Vllm) -> None:
    words = ("study", "mine.yaml", "--lora-glob", "out/checkpoint-*", "--lora-load")
    done = called(*words, "--base-url", vllm.url, "--out", "done")
    assert done.exit_code == 0, done.output
    assert epochs_of(place / "done")["checkpoint-20"] == 2


def message(done: Result) -> str:
    return str(done.exception) if isinstance(done.exception, HarnessError) else done.output


def test_an_adapter_that_is_not_served_brings_the_command(place: Path, vllm: Vllm) -> None:
    done = compared(vllm)
    assert done.exit_code != 0
    said = message(done)
    assert "does not serve checkpoint-10, checkpoint-20" in said
    assert f"--lora-modules checkpoint-10={place}/out/checkpoint-10" in said
    assert "--lora-load" in said
    assert not (place / "done").exists()


def test_a_server_that_loads_nothing_says_how_to_allow_it(place: Path, vllm: Vllm) -> None:
    vllm.loads = False
    assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" in message(compared(vllm, "--lora-load"))


def test_a_server_that_is_not_there_is_one_line(place: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = Vllm(f"http://127.0.0.1:{free.getsockname()[1]}/v1")
    assert "nothing listens" in message(compared(gone))


def test_options_that_need_each_other_say_so(place: Path, vllm: Vllm) -> None:
    assert "give both" in message(called("study", "mine.yaml", "--lora-load"))
    assert "TUNED is missing" in message(called("compare", "org/base", "-e", "colours.test.v1"))
    words = ("study", "demo", "--lora-glob", "out/checkpoint-*")
    assert "tunes itself" in message(called(*words))
