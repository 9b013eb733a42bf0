"""harness view as people use it: its address, its port, its token, its end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from tests.small_run import made_run


def command(*options: str | Path) -> list[str]:
    return [sys.executable, "-m", "harness", "view", *map(str, options)]


@contextmanager
def viewed(*options: str | Path, cwd: Path, said: list[str], **environment: str) -> Iterator[str]:
    """Run the command; yield its address; end it with Ctrl-C. ``said`` gets all it wrote."""
    with subprocess.Popen(
        command(*options),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"HOME": str(cwd), "XDG_CACHE_HOME": str(cwd / ".cache")} | environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        for line in server.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                break
        url = next((w for line in said for w in line.split() if w.startswith("http://")), "")
        try:
            yield url
        finally:
            server.send_signal(signal.SIGINT)
            said += [server.stdout.read(), server.stderr.read()]
            assert server.wait(timeout=60) == 0, said
        assert "Stopped." in said[-2]
        assert said[-1] == ""


def get(url: str, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """An answer to a path as it is, without anybody tidying it up."""
    place = urlsplit(url)
    connection = HTTPConnection("127.0.0.1", place.port or 80, timeout=60)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text


def failed(*options: str | Path, cwd: Path) -> str:
    """What it says when it ends at once with a wrong option's code."""
    ended = subprocess.run(
        command(*options), cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_it_shows_the_runs_of_reports_on_this_machine_alone(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    made_run(tmp_path / "reports" / "mine", 8)
    (tmp_path / "secret.txt").write_text("kept to myself")
    said: list[str] = []
    with viewed("--port", "0", cwd=tmp_path, said=said) as url:
        assert urlsplit(url).hostname == "127.0.0.1"
        status, headers, text = get(url, "/")
        assert status == 200
        assert 'value="mine"' in text
        assert "server" not in headers
        assert get(url, "/", Host="evil.example")[0] == 403
        for path in ("/../secret.txt", "/static/../../secret.txt", "/runs/..%2f/files/secret.txt"):
            status, _, text = get(url, path)
            assert status in {400, 404}
            assert "kept to myself" not in text


def test_in_a_run_folder_it_shows_that_run(tmp_path: Path) -> None:
    made_run(tmp_path / "mine", 8)
    with viewed("--port", "0", cwd=tmp_path / "mine", said=[]) as url:
        assert get(url, "/runs/mine")[0] == 200


def test_elsewhere_it_asks_for_a_token_that_no_log_shows(tmp_path: Path) -> None:
    said: list[str] = []
    with viewed(tmp_path, "--host", "0.0.0.0", "--port", "0", cwd=tmp_path, said=said) as url:
        token = urlsplit(url).query.removeprefix("token=")
        assert len(token) >= 32
        assert get(url, "/")[0] == 403
        assert get(url, "/?token=wrong")[0] == 403
        status, headers, _ = get(url, f"/?token={token}")
        assert (status, headers["location"]) == (303, "/")
        cookie = headers["set-cookie"].partition(";")[0]
        assert get(url, "/", Cookie=cookie)[0] == 200
    assert sum(part.count(token) for part in said) == 1


def test_it_opens_the_browser_at_its_address(tmp_path: Path) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.new; mv {opened}.new {opened}\n')
    browser.chmod(0o755)
    options = (tmp_path, "--port", "0", "--open")
    with viewed(*options, cwd=tmp_path, said=[], BROWSER=str(browser)) as url:
        while not opened.exists():
            time.sleep(0.05)
        assert opened.read_text().strip() == url


def test_a_browser_that_stays_open_gets_its_page(tmp_path: Path) -> None:
    browser, got = tmp_path / "browser", tmp_path / "got"
    fetch = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).status)"
    browser.write_text(
        f'#!/bin/sh\n{sys.executable} -c "{fetch}" "$1" > {got}.new && mv {got}.new {got}\n'
    )
    browser.chmod(0o755)
    options = (tmp_path, "--port", "0", "--open")
    with viewed(*options, cwd=tmp_path, said=[], BROWSER=str(browser)):
        while not got.exists():
            time.sleep(0.05)
        assert got.read_text().strip() == "200"


def test_an_interrupt_as_soon_as_it_has_spoken_ends_it_in_order(tmp_path: Path) -> None:
    said: list[str] = []
    with viewed(tmp_path, "--port", "0", cwd=tmp_path, said=said):
        pass
    assert not any("Traceback" in part or "Warning" in part for part in said)


def test_where_its_port_is_taken_it_takes_the_next_and_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    with ExitStack() as held:
        with suppress(OSError):  # somebody else has it, which is as good
            held.enter_context(socket.create_server(("127.0.0.1", 7575)))
        with viewed(tmp_path, cwd=tmp_path, said=said) as url:
            assert urlsplit(url).port != 7575
            urlopen(url).close()
    assert re.match(r"Port 7575 is taken; this is \d+\.", said[0])


def test_a_port_that_was_named_is_not_replaced(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}" in failed(
            tmp_path, "--port", str(port), cwd=tmp_path
        )


def test_a_folder_that_is_not_there_is_said_with_the_repair(tmp_path: Path) -> None:
    assert "reports: no such folder" in failed(cwd=tmp_path)
    assert "harness demo" in failed("gone", cwd=tmp_path)


@pytest.mark.parametrize("host", ["no such host", "192.0.2.1"])
def test_a_host_that_cannot_be_listened_on_is_said(tmp_path: Path, host: str) -> None:
    said = failed(tmp_path, "--host", host, cwd=tmp_path)
    assert f"cannot listen on {host}:7575" in said
