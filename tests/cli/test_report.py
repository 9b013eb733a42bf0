"""harness report prints what it writes, for pipes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two samples of the embedded data, answered by nobody in earnest."""
    out = tmp_path_factory.mktemp("report") / "run"
    words = ["run", "orders.heldout.v1", "-m", "dummy", "--max-samples", "2", "--out", str(out)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return out


def test_markdown_is_printed_as_it_is_written(run: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(run), "--markdown"])
    assert done.exit_code == 0, done.output
    assert done.stdout == (run / "report.md").read_text(encoding="utf-8")
    assert done.stdout.startswith("# dummy on orders")


def test_json_is_printed_as_it_is_written(run: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(run), "--json"])
    assert json.loads(done.stdout) == json.loads((run / "report.json").read_text())


def test_one_report_is_printed_at_a_time(run: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(run), "--json", "--markdown"])
    assert "give one" in str(done.exception)
