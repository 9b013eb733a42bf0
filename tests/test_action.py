"""The GitHub Action: its step calls harness gate with the inputs as they are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import loaded

ROOT = Path(__file__).parents[1]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
GATE = next(step for step in ACTION["runs"]["steps"] if step.get("id") == "gate")

STUB = """#!/bin/sh
for word in "$@"; do printf '<%s>' "$word"; done
exit 3
"""


def called(tmp_path: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the step's script as the runner does, with a command that prints what it was given."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    (tmp_path / "harness").write_text(STUB)
    (tmp_path / "harness").chmod(0o755)
    (tmp_path / "step.sh").write_text(GATE["run"])
    env = dict.fromkeys(GATE["env"], "") | inputs
    return subprocess.run(
        [bash, "--noprofile", "--norc", "-eo", "pipefail", str(tmp_path / "step.sh")],
        env={**env, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_step_calls_the_gate_and_ends_with_its_code(tmp_path: Path) -> None:
    done = called(
        tmp_path, PLACES="reports/base\nreports/tuned\n", POLICY="p.yaml", JUNIT="junit.xml"
    )
    assert done.returncode == 3
    assert done.stdout == (
        "<gate><--github><--policy><p.yaml><--junit><junit.xml><--><reports/base><reports/tuned>"
    )


def test_inputs_are_words_and_never_commands(tmp_path: Path) -> None:
    done = called(
        tmp_path, PLACES='a b"; touch owned; $(touch owned)\n--help', TUNED="`touch owned`"
    )
    assert done.stdout.endswith('<--><a b"; touch owned; $(touch owned)><--help>')
    assert not (tmp_path / "owned").exists()


def test_no_input_is_pasted_into_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_every_input_is_used_and_every_word_known() -> None:
    used = re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text(encoding="utf-8"))
    assert set(used) == set(ACTION["inputs"])
    known = {option for parameter in loaded("gate").params for option in parameter.opts}
    assert set(re.findall(r"(--[a-z]+)", GATE["run"])) <= known


def test_github_and_gitlab_run_the_same_command() -> None:
    text = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
    snippets = [
        yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    ]
    gitlab = next(one for one in snippets if "gate" in one and "script" in one["gate"])
    assert any(line.startswith("harness gate ") for line in gitlab["gate"]["script"])
    assert gitlab["gate"]["artifacts"]["reports"]["junit"] == "junit.xml"
