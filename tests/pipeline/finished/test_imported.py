"""Run folders out of other tools' runs, and comparisons with them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.errors import RunFolderError, UsageError
from harness.pipeline.finished.comparing import compare_folders
from harness.pipeline.finished.imported import Import, ImportedFolder, Place, import_runs
from harness.pipeline.finished.sides import side_of
from harness.registry import load_registry
from harness.reports.document import Document
from harness.reports.json import SCHEMA
from harness.running.journal import outcomes

EXAMPLE = Path(__file__).parents[3] / "docs" / "import-example"
BASE, TUNED = EXAMPLE / "inspect" / "base", EXAMPLE / "inspect" / "tuned"


def asked(out: Path, kind: str = "inspect", **more: Any) -> Import:
    places = [Place(EXAMPLE / kind / side, side) for side in ("base", "tuned")]
    return replace(Import(kind, places, out, "harness import"), **more)


def deltas(document: Document) -> dict[str, tuple[float, int, int]]:
    return {
        one.eval: (round(one.delta.value, 3), one.delta.n, one.excluded)
        for section in document.sections
        for one in section.comparisons
    }


INSPECT = {
    "sums.match": (0.273, 11, 1),
    "sums.includes": (0.364, 11, 1),
    "sums_choice.choice": (0.375, 8, 0),
}


def test_logs_of_inspect_become_a_run_whose_failures_are_excluded(tmp_path: Path) -> None:
    made = import_runs(asked(tmp_path / "run"))
    assert (made.base, made.models) == ("base", ("base", "tuned"))
    assert deltas(made.document) == INSPECT
    assert sum(1 for _ in outcomes(tmp_path / "run" / "journal.jsonl")) == made.answers == 64


def test_logs_are_compared_as_they_are_with_the_same_result() -> None:
    document = compare_folders([str(BASE), str(TUNED)], [], "harness compare")
    assert deltas(document) == INSPECT


def test_an_imported_run_is_compared_with_the_logs_themselves(tmp_path: Path) -> None:
    import_runs(asked(tmp_path / "run"))
    document = compare_folders([str(BASE), f"{tmp_path / 'run'}#tuned"], [], "harness compare")
    assert deltas(document) == INSPECT


def test_results_of_lm_eval_are_paired_by_item_and_the_rest_is_told(tmp_path: Path) -> None:
    places = [str(EXAMPLE / "lm-eval" / side) for side in ("base", "tuned")]
    document = compare_folders(places, [], "harness compare")
    assert deltas(document) == {
        "sums.exact_match.strict-match": (0.3, 10, 0),
        "sums.exact_match.flexible-extract": (0.4, 10, 0),
    }
    unpaired = [f.evidence for s in document.sections for f in s.findings if f.rule == "unpaired"]
    assert unpaired == [{"samples": 2}] * 2


def test_epochs_make_advice_possible(tmp_path: Path) -> None:
    made = import_runs(asked(tmp_path / "run", "lm-eval", epochs={"tuned": 3.0}))
    advice = [one for section in made.document.sections for one in section.advice]
    assert {(one.model, one.epochs) for one in advice} == {("tuned", 3.0)}


def test_the_report_is_whole_and_says_where_marks_come_from(tmp_path: Path) -> None:
    made = import_runs(asked(tmp_path / "run"))
    report = json.loads(made.written.json.read_text())
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(report)
    told = made.written.markdown.read_text()
    assert "marks are the logs' own" in told
    assert "inspect-ai 0.3.285" in told


def test_the_same_import_again_changes_nothing(tmp_path: Path) -> None:
    import_runs(asked(tmp_path / "run"))
    journal = (tmp_path / "run" / "journal.jsonl").read_bytes()
    made = import_runs(asked(tmp_path / "run"))
    assert (tmp_path / "run" / "journal.jsonl").read_bytes() == journal
    assert deltas(made.document) == INSPECT


def test_an_import_that_was_stopped_is_made_anew(tmp_path: Path) -> None:
    whole = import_runs(asked(tmp_path / "run"))
    journal = tmp_path / "run" / "journal.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:9]))
    for report in tmp_path.glob("run/report.*"):
        report.unlink()
    assert deltas(import_runs(asked(tmp_path / "run")).document) == deltas(whole.document)


def test_another_import_needs_another_folder_or_overwrite(tmp_path: Path) -> None:
    import_runs(asked(tmp_path / "run"))
    with pytest.raises(RunFolderError, match="another run"):
        import_runs(asked(tmp_path / "run", "lm-eval"))
    made = import_runs(asked(tmp_path / "run", "lm-eval", overwrite=True))
    assert made.evals[0] == "sums.exact_match.strict-match"


def test_two_runs_of_one_model_and_eval_need_names(tmp_path: Path) -> None:
    places = [Place(BASE / "sums.eval", "m"), Place(TUNED / "sums.eval", "m")]
    with pytest.raises(UsageError, match=r"both hold sums\.match of 'm'; call one"):
        import_runs(Import("inspect", places, tmp_path / "run", "harness import"))


def test_one_name_is_not_for_two_models(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    shutil.copy(BASE / "sums.eval", folder / "a.eval")
    shutil.copy(TUNED / "sums.eval", folder / "b.eval")
    with pytest.raises(UsageError, match="holds 2 models"):
        import_runs(Import("inspect", [Place(folder, "m")], tmp_path / "run", "harness import"))


def test_a_place_may_hold_the_sign_itself(tmp_path: Path) -> None:
    odd = tmp_path / "a=b.eval"
    odd.touch()
    assert Place.parse(str(odd)) == Place(odd)
    assert Place.parse("m=logs/x.eval") == Place(Path("logs/x.eval"), "m")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"base": "bsae"}, r"--base bsae: no such model; did you mean 'base'"),
        ({"epochs": {"tund": 2.0}}, r"--epochs tund: no such tuned model; did you mean 'tuned'"),
        ({"epochs": {"base": 2.0}}, r"--epochs base: no such tuned model"),
    ],
)
def test_a_model_that_is_not_there_is_told(
    tmp_path: Path, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        import_runs(asked(tmp_path / "run", **more))
    assert not (tmp_path / "run").exists()


def test_nothing_here_marks_such_answers_anew(tmp_path: Path) -> None:
    from harness.pipeline.finished.regrading import Regrading, regrade

    import_runs(asked(tmp_path / "run"))
    order = Regrading(tmp_path / "run", tmp_path / "again", "harness regrade")
    with pytest.raises(UsageError, match=r"sums\.match was marked by inspect-ai 0\.3\.285"):
        regrade(order, load_registry([]))


def test_one_of_several_models_has_to_be_named() -> None:
    with pytest.raises(UsageError, match="holds 2 models; name one behind"):
        side_of(str(EXAMPLE / "lm-eval"))
    assert side_of(f"{EXAMPLE / 'lm-eval'}#tuned").is_foreign


def test_a_folder_name_never_leads_out_of_the_run(tmp_path: Path) -> None:
    log = json.loads((BASE / "sums_choice.json").read_text())
    log["eval"]["task"] = "../../../outside"
    (tmp_path / "log.json").write_text(json.dumps(log))
    out = tmp_path / "a" / "run"
    made: ImportedFolder = import_runs(
        Import("inspect", [Place(tmp_path / "log.json")], out, "harness import")
    )
    assert made.answers == 8
    inside = {path for path in tmp_path.rglob("*") if path.is_relative_to(out)}
    assert {p for p in tmp_path.rglob("*") if p.is_file()} - inside == {tmp_path / "log.json"}
