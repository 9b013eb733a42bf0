from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.errors import RunFolderError
from harness.pipeline import report_of
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.questions.evaluation import Question
from harness.pipeline.questions.linting import Linted, keep, kept_in, training_findings
from harness.records import Finding, Sample
from harness.registry import load_registry


def training_file(path: Path, pairs: list[tuple[str, str]]) -> Path:
    file = path / "train.jsonl"
    turns = (
        [{"role": "user", "content": p}, {"role": "assistant", "content": a}] for p, a in pairs
    )
    file.write_text("".join(json.dumps({"messages": t}) + "\n" for t in turns))
    return file


def sample(number: int, prompt: str, ideal: str) -> Sample:
    return Sample(f"a.b.{number}", ({"role": "user", "content": prompt},), (ideal,))


PAIRS = [(f"is number {n * 7919} odd, and why {n}?", ("yes", "no")[n % 2]) for n in range(60)]


def test_clean_training_data_say_nothing(tmp_path: Path) -> None:
    held = [sample(n, f"what about {n * 104729} then?", ("yes", "no")[n % 2]) for n in range(40)]
    found = training_findings(training_file(tmp_path, PAIRS), held, "one-answer")
    assert [finding for finding in found if finding.severity == "block"] == []


def test_contradicting_labels_veto_where_one_answer_is_right(tmp_path: Path) -> None:
    torn = [*PAIRS, *((prompt, "maybe") for prompt, _ in PAIRS)]
    path = training_file(tmp_path, torn)
    (finding,) = (f for f in training_findings(path, [], "one-answer") if f.severity == "block")
    assert finding.rule == "conflicts"
    assert finding.message.startswith("training data, conflicts: ")
    assert len(finding.evidence["lines"]) == 20
    assert not [f for f in training_findings(path, [], "open") if f.severity == "block"]


def test_leaks_are_left_to_the_rule_that_looks_at_scores(tmp_path: Path) -> None:
    held = [sample(n, prompt, answer) for n, (prompt, answer) in enumerate(PAIRS)]
    found = training_findings(training_file(tmp_path, PAIRS), held, "one-answer")
    (leak,) = (finding for finding in found if finding.rule == "leaked prompts")
    assert leak.severity == "warn"


# --- in a run's folder ---------------------------------------------------------------


def linted(rule: str = "conflicts") -> Linted:
    found = Finding(rule, "block", "training data, conflicts: ...", {"lines": [1, 2], "value": 0.5})
    return Linted("orders", "orders.heldout.v1", (found,))


def test_what_was_found_when_the_run_began_is_kept(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    keep([linted()], folder)
    keep([linted("another")], folder)
    assert kept_in(folder) == {("orders", "orders.heldout.v1"): linted().findings}


def test_a_folder_that_notes_nothing_is_no_error(tmp_path: Path) -> None:
    assert kept_in(RunFolder(tmp_path)) == {}


def test_a_broken_note_names_the_file_and_the_repair(tmp_path: Path) -> None:
    (tmp_path / "lints.jsonl").write_text('{"experiment": "a"}\n')
    with pytest.raises(RunFolderError, match=r"lints.jsonl: is broken; remove it"):
        kept_in(RunFolder(tmp_path))


def test_a_report_made_anew_says_what_was_found_then(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(undisturbed, folder)
    before = report_of(folder)
    assert before.sections == report_of(undisturbed).sections
    keep_path = RunFolder(folder).lints
    found = [json.loads(line) for line in keep_path.read_text().splitlines()]
    found[0]["findings"] = [{"rule": "x", "severity": "block", "message": "m", "evidence": {}}]
    keep_path.write_text("".join(json.dumps(one) + "\n" for one in found))
    (section,) = report_of(folder).sections
    assert {advice.rule for advice in section.advice} == {4}


@pytest.mark.parametrize("name", ["orders", "tickets", "slogans"])
def test_the_data_of_the_demo_are_clean(name: str) -> None:
    spec = load_registry().eval(f"{name}.heldout.v1")
    training = Path(__file__).parents[3] / "datasets" / name / "train.jsonl"
    assert training_findings(training, Question.of(spec).samples(), spec.task) == ()
