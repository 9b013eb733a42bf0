"""A report says when the study in its folder is not the one that was run."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.pipeline.finished.folder_report import edited_since
from harness.pipeline.folder import manifest as manifests
from harness.pipeline.folder.manifest import Manifest, Plan
from harness.pipeline.folder.runfolder import RunFolder
from harness.records import Study
from harness.running.journal import Journal, run_of


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run that has begun."""
    found = RunFolder(tmp_path)
    manifest = Manifest(Plan(Study("s", "tiny-base", ()), ()), "harness study s", "0")
    manifests.write(manifest, found.manifest)
    with Journal.open(found.journal, manifest.hash):
        pass
    return found


def test_a_study_as_it_was_run_gets_no_warning(folder: RunFolder) -> None:
    assert edited_since(folder, folder.read()) == []


def test_a_study_that_was_edited_after_its_run_gets_a_warning(folder: RunFolder) -> None:
    text = folder.manifest.read_text()
    folder.manifest.write_text(text.replace("tiny-base", "other"))
    (finding,) = edited_since(folder, folder.read())
    assert finding.severity == "warn"
    assert finding.message.startswith("study.yaml is not what was run")


def test_a_date_put_into_a_study_is_an_edit_too(folder: RunFolder) -> None:
    text = folder.manifest.read_text()
    folder.manifest.write_text(f"{text}  note: 2026-01-01\n")
    assert edited_since(folder, folder.read())


def test_a_journal_that_names_no_run_says_nothing(folder: RunFolder) -> None:
    folder.journal.write_text("{}\n")
    folder.manifest.write_text(folder.manifest.read_text().replace("tiny-base", "other"))
    assert edited_since(folder, folder.read()) == []
    assert run_of(folder.path / "none.jsonl") is None
