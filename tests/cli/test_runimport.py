"""From other tools' logs to a gate's word, as people type it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import HarnessError, UsageError

EXAMPLE = Path(__file__).parents[2] / "docs" / "import-example"
INSPECT = (f"base={EXAMPLE / 'inspect/base'}", f"tuned={EXAMPLE / 'inspect/tuned'}")
LM_EVAL = (f"base={EXAMPLE / 'lm-eval/base'}", f"tuned={EXAMPLE / 'lm-eval/tuned'}")


def said(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(map(str, words)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


def test_an_imported_run_is_reported_exported_and_gated(tmp_path: Path) -> None:
    run = tmp_path / "run"
    told = said("import", "inspect", *INSPECT, "--out", run)
    assert "64 answers, 3 evals" in told
    assert "For advice import again with --epochs tuned=N --overwrite" in told
    assert "11 samples, 1 excluded" in said("report", run)
    assert "64 samples" in said("export", run)
    policy = tmp_path / "policy.yaml"
    policy.write_text('evals: {"sums.match": {floor: 1%}}\n')
    said("gate", run, "--policy", policy)
    rows = (run / "samples.csv").read_text().splitlines()
    assert sum("this prompt is refused" in row for row in rows) == 2  # of base, by two scorers


def test_with_epochs_there_is_advice(tmp_path: Path) -> None:
    run = tmp_path / "run"
    told = said("import", "lm-eval", *LM_EVAL, "--out", run, "--epochs", "tuned=3")
    assert "10 of 12 samples (--limit)" in told
    assert f"harness advise {run}" in told
    assert "after 3 epochs" in said("advise", run)


@pytest.mark.parametrize("text", ["tuned", "tuned=", "=3", "tuned=x", "tuned=-1", "tuned=nan"])
def test_epochs_that_are_none_are_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"write MODEL=N, such as tuned=3"):
        said("import", "lm-eval", *LM_EVAL, "--out", tmp_path / "run", "--epochs", text)


def test_what_a_kind_has_no_use_for_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--epochs: hosted-eval holds no runs of tuned models"):
        said("import", "hosted-eval", "x.json", "--out", tmp_path, "--epochs", "m=1")
    with pytest.raises(UsageError, match="did you mean 'inspect'"):
        said("import", "inspct", "x.eval", "--out", tmp_path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"nothing\.eval"):
        said("import", "inspect", tmp_path / "nothing.eval", "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()
