"""Tuning on a server: the embedded one over a socket, and servers that cannot tune."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.embedded.serving import running_server
from harness.embedded.workshop import Workshop
from harness.errors import (
    AuthenticationFailed,
    BadResponse,
    DatasetError,
    HarnessError,
    ModelNotFound,
    ProviderError,
    RateLimited,
    RequestRejected,
    ServerFailed,
    ServerUnreachable,
    UsageError,
    WrongAddress,
)
from harness.finetuning.api import ApiTuning
from harness.finetuning.exports import result_of
from harness.finetuning.jobs import EmbeddedTuning, TuningProgress, TuningRequest, tune


def tuning(base_url: str, api_key: str = "none") -> ApiTuning:
    return ApiTuning(api_key, base_url, poll_s=0.02)


@pytest.fixture
def service(embedded_server: str) -> ApiTuning:
    return tuning(embedded_server)


def test_a_server_gives_the_same_result_as_this_process(
    service: ApiTuning, workshop: Workshop, triage_files: tuple[Path, Path]
) -> None:
    request = TuningRequest("tiny-base", *triage_files, epochs=3, seed=5, suffix="both")
    there, here = tune(service, request), tune(EmbeddedTuning(workshop), request)
    assert there.model == here.model
    assert there.checkpoints == here.checkpoints
    assert there.curve == here.curve
    assert there.trained_tokens == here.trained_tokens


def test_following_gives_every_event_once_over_several_pages(
    service: ApiTuning, triage_files: tuple[Path, Path]
) -> None:
    job_id = service.start(TuningRequest("tiny-base", triage_files[0], epochs=20, seed=1))
    steps = [progress.step for progress in service.follow(job_id) if progress.step]
    assert steps == list(range(1, 121))
    again = [progress.step for progress in tuning(service.url).follow(job_id) if progress.step]
    assert again == steps


def test_more_checkpoints_than_a_page_holds_are_all_found(
    service: ApiTuning, triage_files: tuple[Path, Path]
) -> None:
    result = tune(service, TuningRequest("tiny-base", triage_files[0], epochs=12, seed=1))
    assert [checkpoint.epoch for checkpoint in result.checkpoints] == list(range(1, 13))


def test_leaving_a_job_leaves_it_running(
    service: ApiTuning, triage_files: tuple[Path, Path]
) -> None:
    job_id = service.start(TuningRequest("tiny-base", triage_files[0], epochs=2, seed=9))
    follower = service.follow(job_id)
    next(follower)
    follower.close()
    list(tuning(service.url).follow(job_id))
    assert result_of(service.export(job_id), "job").status == "succeeded"


def test_a_job_can_be_cancelled(service: ApiTuning, triage_files: tuple[Path, Path]) -> None:
    job_id = service.start(TuningRequest("tiny-base", triage_files[0], epochs=50, seed=3))
    service.cancel(job_id)
    service.cancel(job_id)  # once more changes nothing
    assert service.export(job_id).job["status"] == "cancelled"


def test_the_result_file_comes_with_the_job(
    service: ApiTuning, triage_files: tuple[Path, Path]
) -> None:
    job_id = service.start(TuningRequest("tiny-base", triage_files[0], epochs=1))
    list(service.follow(job_id))
    assert (service.export(job_id).result_file or "").startswith("step,train_loss")


# --- servers that come and go --------------------------------------------------------


@contextmanager
def playing(job_answers: list[tuple[int, dict[str, Any]]]) -> Iterator[str]:
    """A server of one job: its states in order, the last one for ever; events without ids."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = 200, {"data": EVENTS[::-1], "has_more": False}
            if self.path.endswith("/ftjob-1"):
                status, body = job_answers.pop(0) if len(job_answers) > 1 else job_answers[0]
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("x-should-retry", "false")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()


EVENTS: list[dict[str, Any]] = [
    {"type": "metrics", "message": f"Step {n}", "data": {"step": n, "train_loss": 1.0 / n}}
    for n in (1, 2, 3)
]
RUNNING = (200, {"id": "ftjob-1", "status": "running"})
DONE = (200, {"id": "ftjob-1", "status": "succeeded"})
DOWN = (503, {"error": {"message": "down"}})


def followed(states: list[tuple[int, dict[str, Any]]]) -> tuple[list[TuningProgress], list[float]]:
    waits: list[float] = []
    with playing(states) as base_url:
        service = ApiTuning("none", base_url, poll_s=2.0, sleep=waits.append)
        return list(service.follow("ftjob-1")), waits


def test_a_server_that_fails_for_a_while_is_asked_again_and_events_come_once() -> None:
    seen, waits = followed([RUNNING, DOWN, DOWN, RUNNING, DONE])
    assert [one.step for one in seen if one.step] == [1, 2, 3]
    assert [one.level for one in seen if "asking again" in one.message] == ["warn"]
    assert waits == [2.0, 4.0, 8.0, 2.0]


def test_a_server_that_stays_away_ends_the_following() -> None:
    with pytest.raises(ServerFailed, match="down"):
        followed([RUNNING, DOWN])


def test_a_server_that_never_answered_is_not_asked_again() -> None:
    with pytest.raises(ServerFailed, match="down"):
        followed([DOWN, DONE])


def test_a_paused_job_says_so_once() -> None:
    paused = (200, {"id": "ftjob-1", "status": "paused"})
    seen, _ = followed([RUNNING, paused, paused, DONE])
    assert [one.message for one in seen if "paused" in one.message] == [
        "Job ftjob-1 is paused: it goes on when you resume it on the server"
    ]


# --- refusals ------------------------------------------------------------------------


def test_an_unknown_base_is_a_model_not_found(
    service: ApiTuning, triage_files: tuple[Path, Path]
) -> None:
    with pytest.raises(ModelNotFound, match=r"gpt-4\.1"):
        service.start(TuningRequest("gpt-4.1", triage_files[0]))


def test_a_wrong_parameter_is_rejected(service: ApiTuning, triage_files: tuple[Path, Path]) -> None:
    with pytest.raises(RequestRejected, match="n_epochs"):
        service.start(TuningRequest("tiny-base", triage_files[0], epochs=0))


def test_an_unknown_job_is_rejected_by_name(service: ApiTuning) -> None:
    with pytest.raises(RequestRejected, match="ftjob-none"):
        next(service.follow("ftjob-none"))


def test_a_failed_job_raises_its_reason(service: ApiTuning, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("{}\n" * 12)
    with pytest.raises(ProviderError, match=r"bad\.jsonl.*line 1"):
        tune(service, TuningRequest("tiny-base", path))


def test_a_missing_file_is_named(service: ApiTuning, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none\.jsonl"):
        service.start(TuningRequest("tiny-base", tmp_path / "none.jsonl"))


def test_a_wrong_key_is_said(triage_files: tuple[Path, Path]) -> None:
    with running_server(api_key="right") as base_url, pytest.raises(AuthenticationFailed):
        tuning(base_url, api_key="wrong").start(TuningRequest("tiny-base", triage_files[0]))


def test_nobody_at_home_is_said(triage_files: tuple[Path, Path]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        service = tuning(f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        with pytest.raises(ServerUnreachable, match="nothing answers"):
            service.start(TuningRequest("tiny-base", triage_files[0]))


@pytest.mark.parametrize(
    "base_url",
    [
        "ftp://x/v1",
        "127.0.0.1:8000",
        "http://",
        "http://x:port/v1",
        "http://x:999999/v1",
        "http://user:secret@x/v1",
        "http://x y/v1",
        "",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(base_url: str) -> None:
    with pytest.raises(UsageError, match="--base-url") as caught:
        tuning(base_url)
    assert "secret" not in str(caught.value)


def test_a_key_that_cannot_be_sent_is_refused() -> None:
    with pytest.raises(UsageError, match="API key"):
        tuning("http://127.0.0.1:1/v1", api_key="k\u00e9y\n")


@contextmanager
def answering(status: int, body: bytes, kind: str = "application/json") -> Iterator[str]:
    """A server that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("x-should-retry", "false")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "kind", "expected", "message"),
    [
        (404, b'{"detail": "Not Found"}', "application/json", WrongAddress, "no fine-tuning"),
        (404, b"<h1>nothing</h1>", "text/html", WrongAddress, "no fine-tuning"),
        (405, b'{"detail": "no"}', "application/json", WrongAddress, "no fine-tuning"),
        (200, b"<h1>hello</h1>", "text/html", WrongAddress, "usually ends in /v1"),
        (200, b"{", "application/json", WrongAddress, "usually ends in /v1"),
        (200, b"{}", "application/json", BadResponse, "without an id"),
        (429, b'{"error": {"message": "slow"}}', "application/json", RateLimited, "slow"),
        (503, b"down", "text/plain", ServerFailed, "503"),
        (403, b'{"error": {"message": "no"}}', "application/json", AuthenticationFailed, "no"),
        (400, b'{"error": {"message": "a\\nb"}}', "application/json", RequestRejected, "a b"),
    ],
)
def test_a_server_that_cannot_tune_is_told_in_one_line(
    triage_files: tuple[Path, Path],
    status: int,
    body: bytes,
    kind: str,
    expected: type[HarnessError],
    message: str,
) -> None:
    with answering(status, body, kind) as base_url, pytest.raises(expected) as caught:
        tuning(base_url).start(TuningRequest("tiny-base", triage_files[0]))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
