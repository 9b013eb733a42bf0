"""The commands of OpenAI evals: their flags, models, judges, logs and sets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

KEY = "sk-planted-secret-0123456789"
JUDGE_KEY = "sk-planted-judge-0123456789"
REGISTRY = {
    "evals/capitals.yaml": """
capitals:
  id: capitals.dev.v0
  metrics: [accuracy]
capitals.dev.v0:
  class: evals.elsuite.basic.match:Match
  args:
    samples_jsonl: capitals.jsonl
capitals.fuzzy.v0:
  class: evals.elsuite.basic.fuzzy_match:FuzzyMatch
  args:
    samples_jsonl: capitals.jsonl
capitals.judged.v0:
  class: evals.elsuite.modelgraded.classify:ModelBasedClassify
  args:
    samples_jsonl: capitals.jsonl
    eval_type: cot_classify
    modelgraded_spec: right
capitals.best.v0:
  class: evals.elsuite.modelgraded.classify:ModelBasedClassify
  args:
    samples_jsonl: capitals.jsonl
    eval_type: cot_classify
    modelgraded_spec: better
    multicomp_n: from_models
capitals.foreign.v0:
  class: somebody.else_:Length
  args:
    samples_jsonl: capitals.jsonl
""",
    "modelgraded/right.yaml": """
right:
  prompt: "Q: {input} A: {completion} Right: {ideal}"
  choice_strings: ["Yes", "No"]
  choice_scores: {"Yes": 1.0, "No": 0.0}
  input_outputs: {input: completion}
better:
  prompt: "Which of {n} is best? {completion}"
  choice_strings: from_n
  input_outputs: {input: completion}
  output_template: "{i}. {output}\\n"
""",
    "completion_fns/mine.yaml": """
mine:
  class: evals.completion_fns.openai:OpenAIChatCompletionFn
  args:
    model: the-real-name
    extra_options: {temperature: 0.7}
pythonic:
  class: somebody.else:Fn
""",
    "eval_sets/all.yaml": "all-capitals:\n  evals: ['capitals.*']\n",
    "code/somebody/else_.py": """
import pathlib
import evals
import evals.metrics

pathlib.Path("imported").touch()

class Length(evals.Eval):
    def eval_sample(self, sample, rng):
        said = self.completion_fn(prompt=sample["input"], temperature=0).get_completions()[0]
        evals.record.record_match(len(said) == 4, expected=4, picked=len(said))

    def run(self, recorder):
        self.eval_all_samples(recorder, self.get_samples())
        return {"four_letters": evals.metrics.get_accuracy(recorder.get_events("match"))}
""",
    "data/capitals.jsonl": "".join(
        json.dumps({"input": f"Capital of {land}?", "ideal": city}) + "\n"
        for land, city in (("Norway", "Oslo"), ("Italy", "Rome"), ("Peru", "Lima"))
    ),
}
ANSWERS = {"Norway": "Oslo", "Italy": "rome", "Peru": "Cuzco"}


@dataclass
class Asked:
    """What came to a server: bodies, paths and keys."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)


def reply(body: dict[str, Any]) -> str:
    text = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
    if "Right:" in text:
        said, right = text.split(" A: ")[1].split("\n")[0].split(" Right: ")
        return f"Let me see.\n{'Yes' if said == right else 'No'}"
    if "best?" in text:
        return "2"
    return next(city for land, city in ANSWERS.items() if land in text)


@contextmanager
def served() -> Iterator[Asked]:
    asked = Asked()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.bodies.append(body)
            asked.paths.append(self.path)
            asked.keys.add(self.headers.get("Authorization", ""))
            text = "" if isinstance(body, list) else reply(body)
            choice = {"index": 0, "finish_reason": "stop", "text": text}
            choice["message"] = {"role": "assistant", "content": text}
            usage = {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}
            answer = json.dumps({"model": "m", "choices": [choice], "usage": usage}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    asked.url = f"http://127.0.0.1:{server.server_port}/v1"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def server() -> Iterator[Asked]:
    with served() as asked:
        yield asked


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name, text in REGISTRY.items():
        path = tmp_path / "reg" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def run(place: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    base = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "EVALS_"))}
    return subprocess.run(
        [sys.executable, "-m", "harness", *words, "--registry_path", "reg"],
        cwd=place,
        env={**base, "HOME": str(place), "TMPDIR": str(place), "OPENAI_API_KEY": KEY, **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def log_of(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    first, *events, last = [json.loads(line) for line in path.read_text().splitlines()]
    return first["spec"], events, last["final_report"]


def everything_written(place: Path) -> str:
    return "".join(p.read_text(errors="replace") for p in place.rglob("*") if p.is_file())


def test_verdicts_report_and_log_are_those_of_openai_evals(place: Path, server: Asked) -> None:
    words = ("capitals", "--record_path", "log.jsonl", "--base-url", server.url, "--user", "me")
    done = run(place, "oaieval", "gpt-4o-mini", *words)
    assert done.returncode == 0, done.stderr
    spec, events, report = log_of(place / "log.jsonl")
    assert spec["completion_fns"] == ["gpt-4o-mini"]
    assert (spec["eval_name"], spec["created_by"]) == ("capitals.dev.v0", "me")
    matches = {e["sample_id"]: e["data"]["correct"] for e in events if e["type"] == "match"}
    assert matches == {"capitals.dev.0": True, "capitals.dev.1": False, "capitals.dev.2": False}
    assert report["accuracy"] == pytest.approx(1 / 3)
    assert report["usage_total_tokens"] == 9
    assert f"accuracy: {report['accuracy']}" in done.stdout.splitlines()
    assert "boostrap_std" in report
    assert all(body["temperature"] == 0 for body in server.bodies)


def test_the_address_may_come_from_the_environment(place: Path, server: Asked) -> None:
    done = run(place, "oaieval", "m", "capitals.fuzzy.v0", OPENAI_BASE_URL=server.url)
    assert done.returncode == 0, done.stderr
    (log,) = (place / "evallogs").glob("*capitals.fuzzy.v0.jsonl")
    assert log_of(log)[2]["accuracy"] == pytest.approx(2 / 3)


def test_the_last_of_several_models_judges_on_its_own_server(place: Path, server: Asked) -> None:
    with served() as judge:
        words = ("--base-url", server.url, "--judge-base-url", judge.url)
        keys = ("--judge-api-key-env", "JUDGE_KEY", "--record_path", "log.jsonl")
        done = run(
            place, "oaieval", "m,wise", "capitals.judged.v0", *words, *keys, JUDGE_KEY=JUDGE_KEY
        )
    assert done.returncode == 0, done.stderr
    assert {body["model"] for body in server.bodies} == {"m"}
    assert {body["model"] for body in judge.bodies} == {"wise"}
    assert (server.keys, judge.keys) == ({f"Bearer {KEY}"}, {f"Bearer {JUDGE_KEY}"})
    spec, _, report = log_of(place / "log.jsonl")
    assert spec["completion_fns"] == ["m", "wise"]
    assert (report["score"], report["counts/Yes"], report["counts/No"]) == (
        pytest.approx(1 / 3),
        1,
        2,
    )
    assert KEY not in everything_written(place)
    assert JUDGE_KEY not in everything_written(place)


def test_one_model_alone_judges_itself(place: Path, server: Asked) -> None:
    done = run(place, "oaieval", "m", "capitals.judged.v0", "--base-url", server.url)
    assert done.returncode == 0, done.stderr
    assert len(server.bodies) == 6


def test_models_are_compared_with_each_other(place: Path, server: Asked) -> None:
    words = ("--base-url", server.url, "--record_path", "log.jsonl")
    done = run(place, "oaieval", "a,b,wise", "capitals.best.v0", *words)
    assert done.returncode == 0, done.stderr
    asked = [body["model"] for body in server.bodies]
    assert sorted(asked) == ["a"] * 3 + ["b"] * 3 + ["wise"] * 3
    assert log_of(place / "log.jsonl")[2]["counts/2"] == 3


def test_a_contest_of_one_model_is_refused(place: Path, server: Asked) -> None:
    done = run(place, "oaieval", "a", "capitals.best.v0", "--base-url", server.url)
    assert done.returncode == 2
    assert "name them with commas" in done.stderr


def test_a_registered_completion_function_is_its_model(place: Path, server: Asked) -> None:
    done = run(place, "oaieval", "mine", "capitals", "--completion_args", f"api_base={server.url}")
    assert done.returncode == 0, done.stderr
    assert {body["model"] for body in server.bodies} == {"the-real-name"}
    assert {body["temperature"] for body in server.bodies} == {0.7}


def test_legacy_models_are_asked_for_completions(place: Path, server: Asked) -> None:
    done = run(place, "oaieval", "davinci-002", "capitals", "--base-url", server.url)
    assert done.returncode == 0, done.stderr
    assert set(server.paths) == {"/v1/completions"}


def test_arguments_of_the_eval_are_overruled(place: Path, server: Asked) -> None:
    words = ("--extra_eval_params", "max_tokens=7", "--base-url", server.url)
    done = run(place, "oaieval", "m", "capitals.fuzzy.v0", *words, "--max_samples", "2")
    assert done.returncode == 0, done.stderr
    assert [body["max_tokens"] for body in server.bodies] == [7, 7]


def test_a_dry_run_leaves_nothing(place: Path) -> None:
    before = sorted(place.rglob("*"))
    done = run(place, "oaieval", "dummy", "capitals", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "accuracy: 0.0" in done.stdout
    assert sorted(place.rglob("*")) == before


def test_flags_without_a_meaning_say_so(place: Path) -> None:
    done = run(place, "oaieval", "dummy", "capitals", "--no-cache", "--visible", "--no-local-run")
    assert done.returncode == 0
    for flag in ("--no-cache", "--visible", "--no-local-run"):
        assert f"{flag} is accepted and changes nothing" in done.stderr


def test_events_go_to_a_server_too(place: Path, server: Asked) -> None:
    words = ("--http-run", "--http-run-url", server.url, "--http-batch-size", "4")
    done = run(place, "oaieval", "dummy", "capitals", *words)
    assert done.returncode == 0, done.stderr
    batches: list[Any] = server.bodies
    assert [len(batch) for batch in batches] == [4, 3]
    assert batches[-1][-1]["type"] == "final_report"


def test_a_server_that_takes_no_events_is_named(place: Path) -> None:
    words = ("--http-run", "--http-run-url", "http://127.0.0.1:9/x")
    done = run(place, "oaieval", "dummy", "capitals", *words)
    assert done.returncode == 2
    assert "7 of 7 events were not taken" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("m", "capitol"), "did you mean"),
        (("pythonic", "capitals"), "completion function in Python"),
        (("m", "capitals", "--completion_args", "api_key=sk-1"), "keys are read from the env"),
        (("m", "capitals", "--completion_args", "nonsense"), "key=value"),
        (("m", "capitals", "--http-run"), "--http-run-url"),
        (("m", "capitals.foreign.v0"), "--allow-code"),
    ],
)
def test_mistakes_are_one_line(place: Path, words: tuple[str, ...], message: str) -> None:
    done = run(place, "oaieval", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.oracle
def test_an_eval_of_ones_own_runs_once_its_code_is_allowed(
    place: Path, server: Asked, reference_registry: Path
) -> None:
    words = ("oaieval", "m", "capitals.foreign.v0", "--base-url", server.url)
    code = {"PYTHONPATH": str(place / "reg" / "code")}
    refused = run(place, *words, "--allow-code", "somebody.elsewhere", **code)
    assert refused.returncode == 2
    assert "--allow-code somebody.else_" in refused.stderr
    assert not (place / "imported").exists()
    allowed = run(place, *words, "--allow-code", "somebody", "--record_path", "log.jsonl", **code)
    assert allowed.returncode == 0, allowed.stderr
    assert "four_letters: 0.6666666666666666" in allowed.stdout.splitlines()
    assert log_of(place / "log.jsonl")[2]["four_letters"] == pytest.approx(2 / 3)
    assert len(server.bodies) == 3


def test_a_set_runs_in_one_go_and_once(place: Path, server: Asked) -> None:
    words = ("oaievalset", "m", "all-capitals", "--base-url", server.url, "--no-exit-on-error")
    first = run(place, *words)
    assert first.returncode == 0, first.stderr
    assert "left out" in first.stderr
    logs = place / "reports" / "oaievalset" / "m.all-capitals" / "logs"
    names = sorted(path.name for path in logs.iterdir())
    assert names == [f"capitals.{split}.v0.jsonl" for split in ("dev", "fuzzy", "judged")]
    asked = len(server.bodies)
    again = run(place, *words)
    assert again.returncode == 0, again.stderr
    assert len(server.bodies) == asked
    assert again.stdout == first.stdout
    assert run(place, *words, "--no-resume").returncode == 0
    assert len(server.bodies) == 2 * asked


def test_a_set_stops_at_an_eval_that_cannot_run(place: Path, server: Asked) -> None:
    done = run(place, "oaievalset", "m", "all-capitals", "--base-url", server.url)
    assert done.returncode == 2
    assert "--no-exit-on-error" in done.stderr
    assert server.bodies == []
