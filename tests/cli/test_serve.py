"""harness serve as people use it: its address, its key, its models, its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest

from harness.embedded.workshop import Workshop


@contextmanager
def served(*options: str | Path, **environment: str) -> Iterator[tuple[str, str]]:
    """Run the command; yield the base URL and the greeting; end it with Ctrl-C."""
    with subprocess.Popen(
        [sys.executable, "-m", "harness", "serve", "--port", "0", *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        greeting = ""
        for line in server.stdout:
            greeting += line
            if "Ctrl-C" in line:
                break
        url = next((w.rstrip(":") for w in greeting.split() if w.startswith("http://")), "")
        try:
            yield url, greeting
        finally:
            server.send_signal(signal.SIGINT)
            rest = server.stdout.read()
            errors = server.stderr.read()
            assert server.wait(timeout=20) == 0, errors
        assert "Stopped." in rest
        assert "Traceback" not in errors


def test_it_says_where_it_is_and_answers_there() -> None:
    with served() as (url, greeting):
        assert f"curl {url}/chat/completions" in greeting
        with openai.OpenAI(base_url=url, api_key="none") as client:
            reply = client.completions.create(model="tiny-base", prompt="hello", max_tokens=2)
        assert reply.usage is not None


def test_it_asks_for_the_key_without_showing_it() -> None:
    with served("--api-key-env", "SERVE_KEY", SERVE_KEY="s3cret") as (url, greeting):
        assert "s3cret" not in greeting
        with (
            openai.OpenAI(base_url=url, api_key="none") as stranger,
            pytest.raises(openai.AuthenticationError),
        ):
            stranger.models.list()
        with openai.OpenAI(base_url=url, api_key="s3cret") as client:
            assert client.models.list().data


def test_it_loads_saved_models(tmp_path: Path) -> None:
    with Workshop() as workshop:
        workshop.models.publish("ft:mine", workshop.models.find("tiny-base").network)
        workshop.models.save(tmp_path, ["ft:mine"])
    with served("--models", tmp_path) as (url, greeting):
        assert "ft:mine" in greeting
        with openai.OpenAI(base_url=url, api_key="none") as client:
            assert client.models.retrieve("ft:mine").id == "ft:mine"


def failing(*options: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "harness", "serve", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1
    return run.stderr


def test_a_port_in_use_is_one_line_and_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "choose another --port" in failing("--port", port)


def test_a_missing_key_or_folder_is_one_line_and_code_2(tmp_path: Path) -> None:
    assert "NOT_SET" in failing("--api-key-env", "NOT_SET")
    assert "models.json" in failing("--models", str(tmp_path))
