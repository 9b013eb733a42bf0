"""harness collect and harness agreement, as people use them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.datasets import read_training
from harness.errors import HarnessError
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.reviewing.collecting import copied_ids
from harness.pipeline.reviewing.reviews import Review, add_review, answer_hash
from tests.small_run import EVAL, TUNED, made_run, outcome, tuned_mark


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return made_run(tmp_path / "run", 60)


def said(*words: object) -> str:
    result = CliRunner().invoke(app, list(map(str, words)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_what_is_wrong_is_written_with_a_warning_and_the_next_step(
    folder: RunFolder, tmp_path: Path
) -> None:
    out, rest = tmp_path / "more.jsonl", tmp_path / "rest.jsonl"
    told = said("collect", folder.path, "--out", out, "--rest", rest)
    wrong = [n for n in range(60) if tuned_mark(n) == 0]
    assert len(read_training(out)) == len(wrong)
    assert len(rest.read_text().splitlines()) == 60 - len(wrong)
    assert copied_ids(folder, EVAL) == {f"colours.test.{n}" for n in wrong}
    assert f"wrong or partly with {TUNED}: {len(wrong)} samples" in told
    assert "held out no longer" in told
    assert "harness lint" in told
    assert "--as prompts" in told
    assert "add" not in told.split("Next: ")[1]


def test_prompts_are_not_called_training(folder: RunFolder, tmp_path: Path) -> None:
    told = said("collect", folder.path, "--as", "prompts", "--out", tmp_path / "p.jsonl")
    assert "do not train on them" in told
    assert "warning" not in told
    assert copied_ids(folder, EVAL) == frozenset()


def test_a_file_that_is_there_stays(folder: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "more.jsonl"
    out.write_text("mine")
    with pytest.raises(HarnessError, match="add --overwrite"):
        said("collect", folder.path, "--out", out)
    assert out.read_text() == "mine"
    said("collect", folder.path, "--out", out, "--overwrite")
    assert out.read_text() != "mine"


def test_a_device_is_written_to_and_never_replaced(folder: RunFolder, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    nowhere.symlink_to("/dev/null")
    said("collect", folder.path, "--out", nowhere, "--overwrite")
    assert nowhere.is_char_device()


def test_nothing_to_take_leaves_no_file(folder: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "more.jsonl"
    with pytest.raises(HarnessError, match="no sample is so"):
        said("collect", folder.path, "--state", "unmarked", "--out", out)
    assert not out.exists()
    assert not folder.copied.exists()


def test_agreement_says_who_to_trust(folder: RunFolder) -> None:
    with pytest.raises(HarnessError, match="nobody has reviewed"):
        said("agreement", folder.path)
    for number in range(40):
        one = outcome(TUNED, number, 1.0)
        place = (EVAL, TUNED, one.sample_id, 0, one.request_key, answer_hash(one))
        if tuned_mark(number) is not None:
            add_review(folder, Review(*place, "right", "ana", "2026-01-01", note="fine"))
    told = said("agreement", folder.path, "--show", "1")
    assert "people and grader" in told
    assert "people call right: look at these first" in told
    assert told.count("fine") == 1
    (row,) = json.loads(said("agreement", folder.path, "--json"))
    assert row["raters"] == ["people", "grader"]
    assert row["n"] == 36
    assert row["kappa"]["value"] == pytest.approx(0)
    assert row["drawn"] is False


def test_marks_of_two_runs_are_compared(folder: RunFolder, tmp_path: Path) -> None:
    other = made_run(tmp_path / "strict", 60, marks=(lambda number: 0.0, tuned_mark))
    told = said("agreement", folder.path, other.path)
    assert "run and strict agree on 99 of 114 answers" in told
    apart = made_run(tmp_path / "third", 1, marks=(lambda number: None, lambda number: None))
    with pytest.raises(HarnessError, match="no answer in common"):
        said("agreement", folder.path, apart.path)


@pytest.mark.parametrize("command", ["collect", "agreement"])
def test_help_has_examples(command: str) -> None:
    assert "Examples" in said(command, "--help")
