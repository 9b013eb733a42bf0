"""What a report says on a terminal, in a log and in a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.small_run import made_run

ROOT = Path(__file__).parents[2]
Harness = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_run(tmp_path_factory.mktemp("runs") / "small", 24).path


@pytest.fixture
def harness(run: Path) -> Harness:
    def called(*words: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
        told = {**os.environ, "PYTHONPATH": str(ROOT), "FORCE_COLOR": "1", **environ}
        command = [sys.executable, "-m", "harness", "report", str(run), *words]
        return subprocess.run(command, capture_output=True, env=told, timeout=60, check=True)

    return called


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_a_pipe_gets_one_screen_without_escape_codes(harness: Harness, columns: str) -> None:
    told = harness(COLUMNS=columns)
    assert b"\x1b" not in told.stdout + told.stderr
    lines = told.stdout.decode().splitlines()
    assert 2 <= len(lines) <= 25
    assert lines[-1].startswith("Report: ")
    assert not any(line.endswith("…") for line in lines), "logs and pipes are never cut"


def test_a_plain_log_is_ascii(harness: Harness) -> None:
    told = harness("--plain")
    assert told.stdout.isascii()
    assert b"\r" not in told.stdout + told.stderr


def test_a_terminal_of_another_encoding_is_written_to(harness: Harness) -> None:
    assert harness(PYTHONIOENCODING="latin-1", PYTHONUTF8="0").stdout.isascii()


def test_json_is_all_that_standard_output_gets(harness: Harness, run: Path) -> None:
    told = harness("--json")
    assert json.loads(told.stdout) == json.loads((run / "report.json").read_text())
    assert b"Report: " in told.stderr
