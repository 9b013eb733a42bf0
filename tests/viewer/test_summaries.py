"""A run's state is read from its journal's lock, its plan and its files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.pipeline import report_of, write_reports
from harness.pipeline.folder.runfolder import RunFolder
from harness.running.journal import Journal
from harness.viewer.runs import Run
from harness.viewer.summaries import Summaries, Summary
from harness.viewer.tails import Tails
from tests.small_run import BASE, EVAL, TUNED, made_run, outcome


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return made_run(tmp_path / "run", 20)


def summary(folder: RunFolder, known: Summaries | None = None) -> Summary:
    return (known or Summaries(Tails())).of(Run("run", folder, "run"))


def test_a_run_with_a_report_is_finished(folder: RunFolder) -> None:
    write_reports(report_of(folder.path), folder.path)
    one = summary(folder)
    assert one.state.kind == "finished"
    assert one.about.models == (BASE, TUNED)
    assert one.about.evals == (EVAL,)
    assert one.about.title == f"{TUNED} against {BASE}"


def test_a_run_without_one_was_interrupted_and_says_how_to_go_on(folder: RunFolder) -> None:
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    folder.journal.write_bytes(b"".join(lines[:11]))
    state = summary(folder).state
    assert (state.kind, state.share) == ("interrupted", 0.25)
    assert "harness run" in state.why
    assert "--resume" in state.why


def test_a_run_that_lacks_its_report_alone_says_how_to_write_it(folder: RunFolder) -> None:
    state = summary(folder).state
    assert (state.kind, state.share) == ("interrupted", 1.0)
    assert state.why == f"harness report {folder.path}"


def test_a_run_is_under_way_as_long_as_its_journal_is_locked(folder: RunFolder) -> None:
    known, run = Summaries(Tails()), folder.read().hash
    with Journal.open(folder.journal, run, resume=True) as journal:
        assert summary(folder, known).state.kind == "running"
        os.utime(folder.journal, (0, 0))  # the clock says nothing
        assert summary(folder, known).state.kind == "running"
        journal.append(outcome(BASE, 1, 1.0))
    assert summary(folder, known).state.kind == "interrupted"


def test_a_finished_run_that_is_asked_again_is_under_way(folder: RunFolder) -> None:
    write_reports(report_of(folder.path), folder.path)
    with Journal.open(folder.journal, folder.read().hash, resume=True) as journal:
        journal.append(outcome(BASE, 7, 1.0))
        os.utime(folder.path / "report.json", (0, 0))
        assert summary(folder).state.kind == "running"


def test_a_run_before_its_first_answer_owes_all(tmp_path: Path) -> None:
    folder = made_run(tmp_path / "run", 20)
    folder.journal.unlink()
    state = summary(folder).state
    assert (state.kind, state.share) == ("interrupted", 0.0)


@pytest.mark.parametrize(
    ("name", "content"),
    [("study.yaml", "{"), ("study.yaml", "- 1"), ("report.json", "{"), ("report.json", "[]")],
)
def test_a_file_that_cannot_be_read_breaks_a_run_and_is_named(
    folder: RunFolder, name: str, content: str
) -> None:
    (folder.path / name).write_text(content)
    state = summary(folder).state
    assert state.kind == "broken"
    assert name in state.why


def test_a_journal_without_a_plan_is_broken(folder: RunFolder) -> None:
    folder.manifest.unlink()
    state = summary(folder).state
    assert state.kind == "broken"
    assert "no study.yaml" in state.why


def test_samples_that_are_gone_leave_only_the_share_unknown(tmp_path: Path) -> None:
    folder = made_run(tmp_path / "run", 20)
    (tmp_path / "run-samples.jsonl").unlink()
    state = summary(folder).state
    assert (state.kind, state.share) == ("interrupted", None)


def test_what_changed_is_read_again_and_nothing_else(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, read = Summaries(Tails()), []
    whole = RunFolder.read
    monkeypatch.setattr(RunFolder, "read", lambda self: read.append(1) or whole(self))
    for _ in range(3):
        assert summary(folder, known).state.kind == "interrupted"
    assert read == [1]
    write_reports(report_of(folder.path), folder.path)
    read.clear()
    assert summary(folder, known).state.kind == "finished"
    assert read == [1]
