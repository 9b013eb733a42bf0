"""What is known of public data sets; they lie beside the checkout where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.datasets.gorilla import gorilla
from harness.linting import lint
from harness.reports.lint_document import LintReport
from tests.linting.conftest import Write, chat

DATA = Path(__file__).parents[3] / "shared" / "data"


def needs(name: str) -> pytest.MarkDecorator:
    where = DATA / name
    return pytest.mark.skipif(not where.exists(), reason=f"{where} is not at hand")


def said(report: LintReport) -> dict[str, str]:
    return {check.rule: check.said for check in report.checks}


@needs("clinc150")
def test_clinc150_is_balanced_without_duplicates_and_leaks_in_tiers(write: Write) -> None:
    data = json.loads((DATA / "clinc150" / "data_small.json").read_text())
    train, test = (write([chat(*p) for p in data[n]], f"{n}.jsonl") for n in ("train", "test"))
    report = lint(train, test)
    assert report.outcome == "pass"
    assert (report.examples, report.heldout_examples) == (7500, 4500)
    assert report.task == "one-answer"
    found = {finding.rule: finding for finding in report.findings}
    assert said(report)["duplicates"].startswith("none of 7,500")
    assert len(found["leaked prompts"].evidence["heldout_lines"]) == 1
    assert len(found["leaked passages"].evidence["heldout_lines"]) == 2
    assert len(found["leaked paraphrases"].evidence["heldout_lines"]) == 152
    assert found["paraphrases"].severity == "info"
    assert "by 0.00 bits" in said(report)["class balance"]
    assert "label noise" not in found


@needs("clinc150")
def test_clinc150_without_half_its_labels_is_out_of_balance(write: Write) -> None:
    data = json.loads((DATA / "clinc150" / "data_small.json").read_text())
    names = sorted({label for _, label in data["train"]})[:75]
    train = write([chat(*pair) for pair in data["train"] if pair[1] in names])
    report = lint(train, write([chat(*pair) for pair in data["test"]], "test.jsonl"))
    (finding,) = (f for f in report.findings if f.rule == "class balance")
    assert len(finding.evidence["lacking"]) == 75


@needs("gorilla")
def test_all_calls_that_gorilla_is_asked_for_occur_in_training(tmp_path: Path) -> None:
    imported = gorilla(DATA / "gorilla", "Gorilla_RT_oracle")
    for name in ("train.jsonl", "torchhub.jsonl"):
        (tmp_path / name).write_text(imported.files[f"data/gorilla/{name}"])
    report = lint(tmp_path / "train.jsonl", tmp_path / "torchhub.jsonl")
    (finding,) = (f for f in report.findings if f.rule == "leaked answers")
    assert len(finding.evidence["heldout_lines"]) == 186
    assert finding.message.startswith("186 of 186 held-out answers")
    assert report.outcome == "pass"
