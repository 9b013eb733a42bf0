"""What commands print fits a terminal of 80 columns, and stands whole in a log."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = {
    "lint": ["lint", "train.jsonl"],
    "diversity of one": ["diversity", "a.jsonl"],
    "diversity of two": ["diversity", "a.jsonl", "b.jsonl"],
    "advice from curves": ["advise", "result.csv", "--epochs", "3"],
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    lines = (ROOT / "datasets/tickets/train.jsonl").read_text().splitlines()[:40]
    (folder / "train.jsonl").write_text("\n".join([*lines, *lines[:8]]) + "\n")
    for name, words in (("a", 40), ("b", 7)):
        answers = (
            {"prompt": f"Say {i}", "completions": [" ".join(told(i + k, words)) for k in range(3)]}
            for i in range(12)
        )
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, answers)) + "\n")
    rows = ["step,train_loss,train_accuracy,full_valid_loss,full_valid_mean_token_accuracy"]
    for step in range(1, 31):
        valid = f"{[0.8, 0.9, 1.2][step // 10 - 1]},{0.7 + step / 200}" if step % 10 == 0 else ","
        rows.append(f"{step},{1.5 - step / 25:.3f},0.8,{valid}")
    (folder / "result.csv").write_text("\n".join(rows) + "\n")
    return folder


def told(start: int, words: int) -> list[str]:
    return [f"word{(start * 7 + n * n) % words}" for n in range(12)]


def run(words: list[str], folder: Path, stdout: int) -> subprocess.CompletedProcess[bytes]:
    environ = {**os.environ, "COLUMNS": "80", "TERM": "xterm", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "harness", *words]
    return subprocess.run(
        command, cwd=folder, env=environ, stdout=stdout, stderr=subprocess.DEVNULL, timeout=60
    )


def on_a_terminal(words: list[str], folder: Path) -> list[str]:
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb", closefd=True) as screen:
        run(words, folder, theirs)
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(screen.fileno(), 65536):
                shown += part
        except OSError:  # nobody holds the other end any more
            pass
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode()).splitlines()


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no pseudo-terminals here")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_line_fits_a_terminal_and_is_one_line_in_a_log(command: str, files: Path) -> None:
    shown = on_a_terminal(COMMANDS[command], files)
    log = run(COMMANDS[command], files, subprocess.PIPE).stdout.decode().splitlines()
    assert len(shown) > 5
    assert [line for line in shown if len(line) > 80] == []
    assert max(map(len, log)) > 80
    assert " ".join(" ".join(shown).split()) == " ".join(" ".join(log).split())
