"""From somebody else's folder to a verdict: import, then ask a server or compare what is stored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

SHARED = Path(__file__).parents[2] / "../shared/data"


def harness(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENAI_")}
    return subprocess.run(
        [sys.executable, "-m", "harness", *args],
        cwd=cwd,
        env={**env, "HOME": str(cwd)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def report(folder: Path) -> Any:
    return json.loads((folder / "report.json").read_text())


def write(path: Path, *lines: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


# --- stored answers ------------------------------------------------------------------


@pytest.mark.skipif(
    not (SHARED / "gorilla").is_dir(), reason=f"no {SHARED}/gorilla: study of its answers not run"
)
def test_stored_answers_of_apibench_are_compared_without_any_server(tmp_path: Path) -> None:
    folder, base = str((SHARED / "gorilla").resolve()), "Gorilla_FT_0_shot"
    made = harness("import", "gorilla", folder, "--out", "reg", "--base", base, cwd=tmp_path)
    assert "harness study gorilla --registry reg" in made.stdout
    ran = harness("study", "gorilla", "--registry", "reg", "--out", "run", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "76% → 93%; p < .001; 41 fixed, 9 broken" in ran.stdout
    assert "exact_api 9% → 79%" in ran.stdout
    assert "all 186 held-out answers also occur in" in ran.stdout
    base_result, tuned_result = report(tmp_path / "run")["evals"]
    assert round(base_result["metrics"]["accuracy"]["value"], 4) == 0.7581
    assert round(base_result["metrics"]["hallucination"]["value"], 4) == 0.1613
    assert round(tuned_result["metrics"]["accuracy"]["value"], 4) == 0.9301
    assert round(tuned_result["metrics"]["hallucination"]["value"], 4) == 0.0699
    shares = {c["metric"]: c["delta"] for c in report(tmp_path / "run")["comparisons"]}
    assert shares.keys() == {"accuracy", "exact_api", "hallucination"}
    assert shares["accuracy"]["low"] > 0 > shares["hallucination"]["high"]


def test_files_that_are_there_are_not_replaced_unasked(orders: Path) -> None:
    again = harness("import", "bfcl", "orders", "--out", "reg", cwd=orders)
    assert again.returncode == 2
    assert "is there already; add --overwrite" in again.stderr
    asked = harness("import", "bfcl", "orders", "--out", "reg", "--overwrite", cwd=orders)
    assert asked.returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("gorilla", "none"), "give one folder"),
        (("bfcl", "."), "holds no BFCL_v"),
        (("bfclx", "."), "did you mean 'bfcl'"),
        (("hosted-eval", ".", "--base", "m"), "has no stored base model"),
    ],
)
def test_what_cannot_be_imported_is_one_line(
    tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    done = harness("import", *words, "--out", "reg", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


# --- a server that calls functions ---------------------------------------------------

PARAMETERS = {
    "type": "dict",
    "properties": {"item": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["item"],
}
FUNCTION = {"name": "shop.order", "description": "Order.", "parameters": PARAMETERS}
ITEMS = ("tea", "coffee", "cocoa")


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """A folder in the leaderboard's form, imported into ``reg``."""
    questions = [
        {
            "id": f"simple_python_{number}",
            "question": [[{"role": "user", "content": f"Order 2 {item}."}]],
            "function": [FUNCTION],
        }
        for number, item in enumerate(ITEMS)
    ]
    answers = [
        {
            "id": f"simple_python_{number}",
            "ground_truth": [{"shop.order": {"item": [item], "count": [2]}}],
        }
        for number, item in enumerate(ITEMS)
    ]
    write(tmp_path / "orders/BFCL_v4_simple_python.json", *questions)
    write(tmp_path / "orders/possible_answer/BFCL_v4_simple_python.json", *answers)
    made = harness("import", "bfcl", "orders", "--out", "reg", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    return tmp_path


class Caller(BaseHTTPRequestHandler):
    """Calls the one function that it is offered; of cocoa it takes one too many."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        [tool] = asked["tools"]
        item = asked["messages"][-1]["content"].split()[-1].rstrip(".")
        arguments = json.dumps({"item": item, "count": 3 if item == "cocoa" else 2})
        function = {"name": tool["function"]["name"], "arguments": arguments}
        call = {"id": "call_1", "type": "function", "function": function}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        usage = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
        body = json.dumps({"choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def caller() -> Iterator[str]:
    """The address of a server that answers with calls, never with words."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Caller)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_model_is_asked_with_functions_and_its_calls_are_marked(
    orders: Path, caller: str
) -> None:
    words = ("bfcl.simple_python.v1", "--model", "m", "--registry", "reg", "--base-url", caller)
    done = harness("run", *words, "--out", "run", cwd=orders)
    assert done.returncode == 0, done.stderr
    [result] = report(orders / "run")["evals"]
    shares = {name: round(one["value"], 4) for name, one in result["metrics"].items()}
    assert shares == {"accuracy": 0.6667, "name": 1.0, "arguments": 0.8333}
    assert result["excluded"] == 0
    lines = [json.loads(line) for line in (orders / "run/journal.jsonl").read_text().splitlines()]
    wrong = next(line for line in lines if line.get("sample_id") == "bfcl.simple_python.2")
    assert wrong["completion"]["tool_calls"][0]["function"]["name"] == "shop_order"
    assert wrong["scores"]["accuracy"]["reason"] == "shop.order: 'count' is 3, not 2"


def test_stored_results_of_the_leaderboard_are_compared(orders: Path) -> None:
    wrong, right = "shop.order(item='milk', count=2)", "shop.order(item='{}', count=2)"
    for model, rights in (("llama-base", 1), ("llama-tuned", 3)):
        results = [
            {
                "id": f"simple_python_{number}",
                "result": right.format(item) if number < rights else wrong,
            }
            for number, item in enumerate(ITEMS)
        ]
        write(orders / f"orders/result/{model}/BFCL_v4_simple_python_result.json", *results)
    words = ("--out", "stored", "--base", "llama-base")
    made = harness("import", "bfcl", "orders", *words, cwd=orders)
    assert "harness study bfcl --registry stored" in made.stdout
    done = harness("study", "bfcl", "--registry", "stored", "--out", "run", cwd=orders)
    assert done.returncode == 0, done.stderr
    compared = {one["metric"]: one for one in report(orders / "run")["comparisons"]}
    assert compared["accuracy"]["fixed"] == 2
    shares = {name: round(one["delta"]["value"], 4) for name, one in compared.items()}
    assert shares == {"accuracy": 0.6667, "name": 0.0, "arguments": 0.3333}
