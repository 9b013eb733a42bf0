"""From a configuration of promptfoo to a verdict, as people type it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import UsageError

ORACLE = Path(__file__).parents[1] / "importing" / "promptfoo" / "oracle.yaml"
EXAMPLE = Path(__file__).parents[2] / "docs" / "import-example" / "promptfoo"


def said(*words: object) -> str:
    result = CliRunner().invoke(app, list(map(str, words)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_an_imported_eval_marks_recorded_answers_as_promptfoo_did(tmp_path: Path) -> None:
    out, answers = tmp_path / "mine", tmp_path / "answers.jsonl"
    said("import", "promptfoo", ORACLE, "--out", out)
    there = json.loads(ORACLE.with_suffix(".json").read_text())["results"]
    told = [
        {"messages": [{"role": "user", "content": one["output"]}], "completion": one["output"]}
        for one in there
    ]
    answers.write_text("".join(json.dumps(one) + "\n" for one in told))
    run = tmp_path / "run"
    said("run", "oracle.*", "--registry", out, "--model", f"recorded:{answers}", "--out", run)
    report = json.loads((run / "report.json").read_text())
    found = {one["name"]: one["metrics"]["accuracy"] for one in report["evals"]}
    for name, prompt in (("oracle.prompt-1.v1", 0), ("oracle.in-a-sentence.v1", 1)):
        passed = sum(one["pass"] for one in there if one["prompt"] == prompt)
        assert (found[name]["n"], round(60 * found[name]["value"])) == (60, passed)


def test_the_way_on_is_told(tmp_path: Path) -> None:
    told = said("import", "promptfoo", EXAMPLE, "--out", tmp_path / "mine")
    assert "Note: assertion javascript left out of test 3: it has no equal here" in told
    assert "--model gpt-4o-mini --judge JUDGE" in told


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    said("import", "promptfoo", EXAMPLE, "--out", tmp_path)
    with pytest.raises(UsageError, match="add --overwrite"):
        said("import", "promptfoo", EXAMPLE, "--out", tmp_path)
    said("import", "promptfoo", EXAMPLE, "--out", tmp_path, "--overwrite")


def test_one_configuration_at_a_time(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give one configuration"):
        said("import", "promptfoo", EXAMPLE, ORACLE, "--out", tmp_path)
