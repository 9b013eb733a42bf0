"""Seven tasks that no number of epochs helps: each ends in what to mend, not in other epochs."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.datasets import read_training
from harness.registry import load_registry

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "datasets" / "no_epoch_helps"


@dataclass(frozen=True)
class Verdict:
    """How a case ends: the table's row, what its evidence names, and whether before, too."""

    rule: int
    evidence: str
    vetoes_all: bool = True


CASES = {
    "unknown-facts": Verdict(32, "training prompts never answered right", vetoes_all=False),
    "opaque-ids": Verdict(4, "opaque identifiers"),
    "conflicting-labels": Verdict(4, "conflicts"),
    "refusals": Verdict(4, "refusals"),
    "missing-context": Verdict(33, "score where the prompt lacks the answer", vetoes_all=False),
    "leaked-heldout": Verdict(2, "change without the leaked samples", vetoes_all=False),
    "broken-format": Verdict(4, "broken JSON"),
}
Report = dict[str, Any]


@pytest.fixture(scope="session")
def report_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Report]:
    """The report of a case's study, run once."""
    known: dict[str, Report] = {}

    def report(case: str) -> Report:
        if case not in known:
            out = tmp_path_factory.mktemp("runs") / case
            shown = CliRunner().invoke(app, ["study", case, "--out", str(out), "--cache", "off"])
            assert shown.exit_code == 0, shown.output
            known[case] = json.loads((out / "report.json").read_text()) | {"folder": str(out)}
        return known[case]

    return report


@pytest.mark.parametrize("case", CASES)
def test_it_ends_in_what_to_mend(case: str, report_of: Callable[[str], Report]) -> None:
    wanted = CASES[case]
    advice = report_of(case)["advice"]
    last = advice[-1]
    assert (last["rule"], last["recommend"]) == (wanted.rule, 0)
    assert wanted.evidence in [fact["name"] for fact in last["evidence"]]
    assert last["action"].startswith(("fix the", "remove the leaked samples"))
    if wanted.vetoes_all:
        assert {(one["rule"], one["recommend"]) for one in advice} == {(wanted.rule, 0)}


@pytest.mark.parametrize("case", CASES)
def test_no_epoch_count_is_asked_to_be_lowered(
    case: str, report_of: Callable[[str], Report]
) -> None:
    assert all(one["recommend"] >= 0 for one in report_of(case)["advice"])


def test_what_tuning_would_save_does_not_hide_what_is_to_be_mended_first(
    report_of: Callable[[str], Report],
) -> None:
    folder = report_of("conflicting-labels")["folder"]
    shown = CliRunner().invoke(app, ["breakeven", folder, "--instead-of", "gpt-4.1"])
    assert "But first: Fix the training data (harness show rule 4)." in shown.output


def test_the_page_names_every_case_with_its_row() -> None:
    text = (ROOT / "docs" / "no-epoch-helps.md").read_text(encoding="utf-8")
    for case, verdict in CASES.items():
        assert re.search(rf"\| `{case}` \|.*\| {verdict.rule} \|", text), case


def test_every_case_of_the_script_is_a_study_and_the_other_way_round() -> None:
    assert {name.replace("_", "-") for name in script().CASES} == set(CASES)
    registry = load_registry()
    for case in CASES:
        (experiment,) = registry.study(case).experiments
        folder = FOLDER / case.replace("-", "_")
        assert experiment.training_data == folder / "train.jsonl"
        assert registry.eval(*experiment.evals).samples == folder / "heldout.jsonl"


def test_the_script_makes_the_files_byte_for_byte(tmp_path: Path) -> None:
    script().make(tmp_path)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.jsonl"))
    assert len(made) == 2 * len(CASES)
    for path in made:
        assert (tmp_path / path).read_bytes() == (FOLDER / path).read_bytes()


@pytest.mark.parametrize("case", CASES)
def test_every_file_is_read_as_training_data(case: str) -> None:
    assert len(read_training(FOLDER / case.replace("-", "_") / "train.jsonl")) >= 40


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_no_epoch_helps", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
