"""Keys planted in every way that a user can give them: no file and no output holds them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.models.secrecy import shown_command, without_secret_fields, without_secrets

KEY = "sk-planted-env-0123456789"
HEADER = "planted-header-0123456789"
QUERY = "planted-query-0123456789"
PASSWORD = "planted-password-0123456789"
PLANTED = (KEY, HEADER, QUERY, PASSWORD)
SAMPLE = {"input": [{"role": "user", "content": "Say yes"}], "ideal": "yes"}


class Echoing(BaseHTTPRequestHandler):
    """Answers, and refuses every third time. It repeats all that it was sent."""

    protocol_version = "HTTP/1.1"
    count = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        Echoing.count += 1
        seen = f"you sent {self.path} with {dict(self.headers)}"
        if Echoing.count % 3 == 0:
            self.reply(400, {"error": {"message": seen}})
        else:
            self.reply(200, {"choices": [{"message": {"content": f"yes {seen}"}}]})

    def do_GET(self) -> None:
        self.reply(404, {"error": {"message": f"you sent {self.path} {dict(self.headers)}"}})

    def reply(self, status: int, answer: object) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status, KEY)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Echo", str(self.headers.get("Authorization")))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def server() -> Iterator[str]:
    served = ThreadingHTTPServer(("127.0.0.1", 0), Echoing)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{served.server_port}/v1"
    served.shutdown()
    served.server_close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    registry = tmp_path / "reg"
    (registry / "evals").mkdir(parents=True)
    (registry / "data").mkdir()
    (registry / "evals" / "yes.yaml").write_text(
        "yes.dev.v1:\n  class: evals.elsuite.basic.includes:Includes\n"
        "  args: {samples_jsonl: yes.jsonl}\n"
    )
    (registry / "data" / "yes.jsonl").write_text(f"{json.dumps(SAMPLE)}\n" * 6)
    return tmp_path


def harness(place: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OPENAI_")}
    return subprocess.run(
        [sys.executable, "-m", "harness", *args],
        cwd=place,
        env={**kept, "HOME": str(place), "OPENAI_API_KEY": KEY, **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def assert_clean(place: Path, done: subprocess.CompletedProcess[str]) -> None:
    """No planted key, nor most of one, in anything that was printed or written."""
    texts = {"output": (done.stdout + done.stderr).encode()}
    texts |= {str(file): file.read_bytes() for file in place.rglob("*") if file.is_file()}
    for where, text in texts.items():
        for secret in PLANTED:
            assert secret[:-4].encode() not in text, f"{secret} in {where}"


RUN = ("run", "yes.dev.v1", "--registry", "reg", "--model", "m", "--out", "out", "--cache", "off")


@pytest.mark.parametrize("scheme", ["env", "named", "header", "headers", "variable", "query"])
def test_a_run_writes_and_prints_no_key(place: Path, server: str, scheme: str) -> None:
    given: tuple[str, ...] = {
        "env": (),
        "named": ("--api-key-env", "MY_KEY"),
        "header": ("--header", f"X-Api-Key: {HEADER}"),
        "headers": (f"--header=X-Api-Key:{HEADER}", "--header", f"Authorization: Bearer {HEADER}"),
        "variable": ("--header", "X-Api-Key:$MY_HEADER"),
        "query": (),
    }[scheme]
    query = f"?api-key={QUERY}&api-version=1" if scheme == "query" else ""
    url = ("--base-url", f"http://{server}{query}")
    done = harness(place, *RUN, *url, *given, MY_KEY=KEY, MY_HEADER=HEADER)
    assert done.returncode == 0, done.stderr
    assert (place / "out" / "journal.jsonl").read_text().count("\n") == 7
    assert "you sent" in (place / "out" / "journal.jsonl").read_text()
    assert_clean(place, done)


def test_the_way_to_go_on_names_no_key(place: Path) -> None:
    url = ("--base-url", f"http://127.0.0.1:9/v1?api-key={QUERY}")
    done = harness(place, *RUN, *url, "--header", f"X-Key: {HEADER}", "--max-attempts", "1")
    assert done.returncode == 2
    assert_clean(place, done)


@pytest.mark.parametrize(
    "given",
    [
        ("--base-url", f"http://user:{PASSWORD}@127.0.0.1:9/v1"),
        ("--base-url", f"http://127.0.0.1:9/v1?api-key={QUERY}#{PASSWORD}"),
        ("--base-url", f"http://127.0.0.1:port/v1?api-key={QUERY}"),
        ("--header", f"Bearer {HEADER}"),
        ("--header", f"X-Key: {HEADER}\u201d"),
        ("--judge", "j", "--judge-base-url", f"http://u:{PASSWORD}@127.0.0.1:9/v1"),
    ],
)
def test_mistakes_show_no_key(place: Path, given: tuple[str, ...]) -> None:
    done = harness(place, *RUN, *given, "--max-attempts", "1")
    assert_clean(place, done)


def test_no_process_of_ours_has_a_key_in_its_arguments(place: Path, server: str) -> None:
    """What is in the environment or behind `$NAME` is not in `ps`."""
    command = [sys.executable, "-m", "harness", *RUN, "--base-url", f"http://{server}"]
    env = {**os.environ, "HOME": str(place), "OPENAI_API_KEY": KEY, "MY_HEADER": HEADER}
    with subprocess.Popen(
        [*command, "--header", "X-Key:$MY_HEADER"], cwd=place, env=env, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, check=False).stdout
            assert KEY.encode() not in shown
            assert HEADER.encode() not in shown


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("run", "--header", f"X: {HEADER}"), "run --header 'X:***'"),
        (("run", f"--header=X: {HEADER} more"), "run '--header=X:***'"),
        (("run", "--header", HEADER), "run --header '***'"),
        (("run", "--header", "X:$NAME"), "run --header 'X:$NAME'"),
        (("run", f"--base-url=https://h/v1?api-key={QUERY}&v=1"), None),
        (("run", "--base-url", f"https://me:{PASSWORD}@h/v1"), "run --base-url 'https://***@h/v1'"),
        (("x", "--completion_args", f"max_tokens=5,api_key={QUERY}"), None),
        (("run", "a b", "--max-samples", "3"), "run 'a b' --max-samples 3"),
    ],
)
def test_a_command_is_shown_without_its_secrets(words: tuple[str, ...], shown: str | None) -> None:
    found = shown_command(words)
    assert shown is None or found == shown
    assert not any(secret in found for secret in PLANTED)
    assert "max_tokens=5" in found or "max_tokens" not in " ".join(words)


def test_fields_whose_names_speak_of_keys_are_stars() -> None:
    fields = {"api_key": QUERY, "max_tokens": 5, "url": f"http://a:{PASSWORD}@h", "auth_token": KEY}
    assert without_secret_fields(fields) == {
        "api_key": "***",
        "max_tokens": 5,
        "url": "http://***@h",
        "auth_token": "***",
    }


def test_ordinary_words_stay() -> None:
    text = "task-based, a token bucket, see https://host/v1/models and sk-1"
    assert without_secrets(text) == text
