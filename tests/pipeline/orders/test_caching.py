"""Which answers are kept across runs, and that a second run asks nobody."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from harness.models.providers import Access
from harness.pipeline.orders.caching import Caching, is_local, judge_scope, kept_for, model_scope
from harness.records import Route, Study

Started = Callable[..., subprocess.Popen[str]]
RUN = ("run", "small-orders.test.v1", "--registry", "reg", "-m", "tiny-base")
PUBLIC = "https://models.example.com/v1"
LOCAL = "http://127.0.0.1:8000/v1"

JUDGED = """
judged.test.v1:
  class: evals.elsuite.modelgraded.classify:ModelBasedClassify
  args: {samples_jsonl: judged.jsonl, eval_type: classify, modelgraded_spec: yesno}
"""
RUBRIC = """
yesno:
  prompt: "{input} {completion}"
  choice_strings: ["yes", "no"]
  choice_scores: {"yes": 1.0, "no": 0.0}
  input_outputs: {input: completion}
"""


def a_study(**fields: Any) -> Study:
    return Study("run", "m", (), **fields)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def taken(folder: Path) -> dict[str, Any]:
    report = json.loads((folder / "report.json").read_text())
    found: dict[str, Any] = report["performance"]
    return found


# --- where it is worth it ------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://localhost:8000/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://192.168.1.7/v1", True),
        ("http://gpu-box:8000/v1", True),
        ("http://gpu.local/v1", True),
        ("https://api.openai.com/v1", False),
        ("http://8.8.8.8/v1", False),
    ],
)
def test_servers_of_this_machine_and_network_are_local(url: str, local: bool) -> None:
    assert is_local(url) is local


def test_a_model_of_this_process_or_a_file_is_never_kept() -> None:
    for provider in ("embedded", "recorded", "dummy"):
        study = a_study(provider=provider, base_url="answers.jsonl")
        assert kept_for(study, Access(), None, Caching(Path("kept"), everywhere=True)) is None


def test_local_servers_are_kept_where_asked_for() -> None:
    study, access = a_study(), Access(base_url=LOCAL)
    assert kept_for(study, access, None, Caching(Path("kept"))) is None
    assert kept_for(study, access, None, Caching(Path("kept"), everywhere=True)) is not None
    assert kept_for(study, Access(base_url=PUBLIC), None, Caching()) is None


def test_all_that_may_lead_to_another_model_makes_another_place() -> None:
    ways = [
        Access(),
        Access(base_url=PUBLIC),
        Access(base_url=PUBLIC, organization="o"),
        Access(base_url=PUBLIC, headers={"x-provider": "a"}),
        Access(base_url=PUBLIC, headers={"x-provider": "b"}),
    ]
    places = [model_scope(a_study(), way, everywhere=False).place_of("m") for way in ways]
    assert len({place.name for place in places if place is not None}) == len(ways)


def test_a_key_or_a_slash_makes_no_other_place() -> None:
    ways = [Access(base_url=PUBLIC, api_key="sk-a"), Access(base_url=f"{PUBLIC}/", api_key="sk-b")]
    first, second = (model_scope(a_study(), way, everywhere=False) for way in ways)
    assert first == second


def test_the_judge_has_the_place_of_its_own_server() -> None:
    study = a_study(base_url=LOCAL, judge=Route("gpt-x", "gpt-x", base_url=PUBLIC))
    assert model_scope(study, Access(), everywhere=False).place_of("m") is None
    judge = judge_scope(study, Access(), everywhere=False).place_of("gpt-x")
    own = model_scope(a_study(base_url=PUBLIC), Access(), everywhere=False).place_of("gpt-x")
    assert judge == own


def test_routes_to_other_models_are_told_apart() -> None:
    routes = (
        Route("a", "x", base_url=PUBLIC),
        Route("b", "y", base_url=PUBLIC, extra={"temperature": 1.0}),
        Route("c", "tiny-base", provider="embedded"),
    )
    scope = model_scope(a_study(routes=routes), Access(), everywhere=False)
    first, second, third = (scope.place_of(name) for name in "abc")
    assert first is not None
    assert second is not None
    assert first.name != second.name
    assert second.extra == {"temperature": 1.0}
    assert third is None


# --- a second run --------------------------------------------------------------------


def test_a_second_run_asks_nobody_and_says_the_same(
    place: Path, start: Started, embedded_server: str
) -> None:
    words = (*RUN, "--base-url", embedded_server, "--cache", "kept")
    code, out, err = ended(start(*words, "--out", "first"))
    assert code == 0, err
    assert "from the cache" not in out
    code, out, err = ended(start(*words, "--out", "second"))
    assert code == 0, err
    assert "20 requests were answered from the cache." in out
    first, second = (
        json.loads((place / n / "report.json").read_text()) for n in ("first", "second")
    )
    assert first["evals"] == second["evals"]
    (asked,), (kept,) = first["performance"]["models"], second["performance"]["models"]
    assert (asked["replayed"], kept["replayed"]) == (0, 20)
    assert asked["latency"]["n"] == 20
    assert kept["latency"] is None
    assert (asked["cost_usd"], kept["cost_usd"]) == (0.0, 0.0)
    assert first["performance"]["first_answer_s"] > 0
    assert second["performance"]["first_answer_s"] is None
    stats = ended(start("cache", "stats", "--cache", "kept"))[1]
    assert "kept: 20 answers in " in stats
    assert ended(start("cache", "clear", "--cache", "kept"))[1] == "kept: empty\n"
    assert "kept: 0 answers" in ended(start("cache", "stats", "--cache", "kept"))[1]


def test_killed_and_resumed_with_a_cache_the_journal_stays_the_truth(
    place: Path, start: Started, embedded_server: str
) -> None:
    words = (*RUN, "--base-url", embedded_server, "--cache", "shared", "--concurrency", "2")
    process = start(*words, "--out", "torn")
    journal = place / "torn" / "journal.jsonl"
    while process.poll() is None and (
        not journal.exists() or journal.read_bytes().count(b"\n") < 6
    ):
        time.sleep(0.005)
    process.kill()
    process.communicate()
    code, _, err = ended(start(*words, "--out", "torn", "--resume"))
    assert code == 0, err
    code, _, err = ended(start(*words, "--out", "calm", "--cache", "off"))
    assert code == 0, err
    torn, calm = (json.loads((place / n / "report.json").read_text()) for n in ("torn", "calm"))
    for report in (torn, calm):
        del report["performance"], report["provenance"]["command"]
    assert torn == calm
    assert len(journal.read_bytes().splitlines()) == 21


def test_a_local_server_is_asked_anew_unless_a_cache_is_named(
    place: Path, start: Started, embedded_server: str
) -> None:
    for number in range(2):
        words = ("--base-url", embedded_server, "--out", f"unkept-{number}", "--max-samples", "3")
        code, out, err = ended(start(*RUN, *words))
        assert code == 0, err
        assert "from the cache" not in out
    assert not (place / ".cache").exists()


def test_a_broken_cache_is_a_warning_and_the_run_goes_on(
    place: Path, start: Started, embedded_server: str
) -> None:
    (place / "broken").mkdir()
    (place / "broken" / "completions.sqlite").write_bytes(b"no database at all" * 100)
    words = ("--base-url", embedded_server, "--out", "whole", "--max-samples", "3")
    code, _, err = ended(start(*RUN, *words, "--cache", "broken"))
    assert code == 0
    assert "warn: run: broken: the cache cannot be used (file is not a database)" in err
    assert taken(place / "whole")["models"][0]["answers"] == 3


class Judging(BaseHTTPRequestHandler):
    """Says yes to everything, and counts how often it was asked."""

    asked = 0

    def do_POST(self) -> None:
        type(self).asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        choice = {"message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 40, "completion_tokens": 1}
        body = json.dumps({"choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def judging() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Judging) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


def test_judges_are_kept_and_accounted_for_apart(place: Path, start: Started, judging: str) -> None:
    (place / "reg" / "evals" / "judged.yaml").write_text(JUDGED)
    (place / "reg" / "modelgraded").mkdir()
    (place / "reg" / "modelgraded" / "yesno.yaml").write_text(RUBRIC)
    lines = ({"input": f"Say {word}.", "ideal": "x"} for word in ("one", "two"))
    data = place / "reg" / "data" / "judged.jsonl"
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    servers = ("--base-url", judging, "--cache", "judges")
    words = ("run", "judged.test.v1", "--registry", "reg", "-m", "m", "--judge", "gpt-4o")
    took = []
    for name in ("judged-1", "judged-2"):
        code, _, err = ended(start(*words, *servers, "--out", name))
        assert code == 0, err
        took += [one for one in taken(place / name)["models"] if one["role"] == "judge"]
    assert Judging.asked == 2 + 2, "answers and verdicts are asked for once"
    assert [(one["answers"], one["replayed"]) for one in took] == [(2, 0), (2, 2)]
    assert took[0]["prompt_tokens"] == took[1]["prompt_tokens"] == 80
    assert took[0]["cost_usd"] == took[1]["saved_usd"] == pytest.approx(80 * 2.5e-6 + 2 * 10e-6)
    assert took[1]["cost_usd"] == 0
