"""Commands end with the exit codes that docs/running.md gives."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import COMMANDS, EXIT_ERROR, EXIT_INTERRUPTED
from harness.cli.gateview import EXIT_CODES as OF_GATES
from harness.cli.lintview import EXIT_CODES as OF_LINTS

ROOT = Path(__file__).parents[2]


def harness(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    command = [sys.executable, "-m", "harness", *words]
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60
    )


def test_every_exit_code_is_documented() -> None:
    page = (ROOT / "docs/running.md").read_text(encoding="utf-8")
    table = page.partition("## Exit codes")[2].partition("\n## ")[0]
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    ours = {*OF_GATES.values(), *OF_LINTS.values(), EXIT_ERROR, EXIT_INTERRUPTED}
    assert codes == ours


@pytest.mark.parametrize(
    "words",
    [
        *([], ["nosuch"], ["lint"], ["lint", "no.jsonl"], ["demo", "--nope"]),
        *(["gate", "nowhere", "--policy", "nosuch"], ["run", "x", "--concurrency", "0"]),
    ],
)
def test_wrong_use_ends_with_2_and_no_traceback(words: list[str], tmp_path: Path) -> None:
    ended = harness(*words, folder=tmp_path)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("## Commands")[2].partition("\n## ")[0]
    assert [name for name in COMMANDS if f"`{name}`" not in table] == []
