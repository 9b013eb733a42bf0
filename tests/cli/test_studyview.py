"""What a terminal says at the end of a run whose answers failed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from harness.cli.studyview import repair_of_failures
from harness.reports.document import Document

REGISTRY = """
long.v1: {class: 'evals.elsuite.basic.match:Match', args: {samples_jsonl: long.jsonl}}
"""


def registry(folder: Path) -> Path:
    """An eval with a prompt that the embedded model has no room for, and one that it has."""
    for name in ("evals", "data"):
        (folder / name).mkdir(parents=True)
    (folder / "evals" / "long.yaml").write_text(REGISTRY)
    prompts = ("apple " * 200, "apple")
    samples = ({"input": [{"role": "user", "content": p}], "ideal": "a"} for p in prompts)
    (folder / "data" / "long.jsonl").write_text("".join(json.dumps(s) + "\n" for s in samples))
    return folder


def harness(*args: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_what_is_refused_for_good_says_why_and_is_not_to_be_asked_again(tmp_path: Path) -> None:
    where = ("--registry", registry(tmp_path / "r"), "--out", tmp_path / "run", "--plain")
    asked = ("run", "long.v1", "--model", "embedded:tiny-base", *where)
    run = harness(*asked)
    assert run.returncode == 0, run.stderr
    assert "Asking again would bring the same: This model's context is" in run.stdout
    assert "--retry-failed" not in run.stdout
    again = harness(*asked, "--resume", "--retry-failed")
    assert "Everything was answered" not in again.stdout


def test_what_may_come_the_next_time_is_to_be_asked_again() -> None:
    document = Document("t", "", (), None)  # type: ignore[arg-type]
    for kinds in (["server_failed"], ["rejected", "server_failed"]):
        assert "--retry-failed" in repair_of_failures(kinds, document)
    assert "--retry-failed" not in repair_of_failures(["judge_rejected"], document)
