"""A study from tuning to report: the same numbers whoever serves it and whatever happens to it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.pipeline import report_of
from harness.reports.json import SCHEMA

Study = Callable[..., subprocess.Popen[str]]


def numbers(folder: Path) -> dict[str, Any]:
    """All of report.json but the command that made it, and what it took."""
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    del report["provenance"]["command"]
    del report["performance"]  # clocks decide it
    return report


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for_answers(folder: Path, process: subprocess.Popen[str], count: int) -> None:
    for _ in range(2400):
        if lines_of(folder / "journal.jsonl") > count or process.poll() is not None:
            return
        time.sleep(0.05)
    raise AssertionError("the study answers nothing")


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def test_the_report_follows_its_schema(undisturbed: Path) -> None:
    report = json.loads((undisturbed / "report.json").read_text())
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(report)


def test_every_model_is_measured_and_every_epoch_count_advised(undisturbed: Path) -> None:
    report = numbers(undisturbed)
    assert [(row["epochs"], row["seed"]) for row in report["evals"]] == [
        (0, None),
        (1, 1),
        (3, 1),
        (1, 2),
        (3, 2),
    ]
    assert [advice["epochs"] for advice in report["advice"]] == [1, 3]
    assert len(report["comparisons"]) == 4


def test_the_files_of_a_run_lie_in_its_folder(undisturbed: Path) -> None:
    names = {path.name for path in undisturbed.iterdir()}
    assert {"study.yaml", "journal.jsonl", "tuning.jsonl", "report.html", "report.md"} <= names


def test_the_same_study_gives_the_same_numbers(
    place: Path, study: Study, undisturbed: Path
) -> None:
    assert ended(study("--out", "again"))[0] == 0
    assert numbers(place / "again") == numbers(undisturbed)


@pytest.mark.long
def test_a_server_gives_the_numbers_of_this_process(
    place: Path, study: Study, undisturbed: Path, embedded_server: str
) -> None:
    assert ended(study("--out", "served", "--base-url", embedded_server))[0] == 0
    assert numbers(place / "served") == numbers(undisturbed)


@pytest.mark.parametrize("answers", [5, pytest.param(60, marks=pytest.mark.long)])
def test_kill_and_resume_give_the_undisturbed_report(
    place: Path, study: Study, undisturbed: Path, answers: int
) -> None:
    folder = place / f"killed-{answers}"
    process = study("--out", folder.name)
    wait_for_answers(folder, process, answers)
    process.send_signal(signal.SIGKILL)
    ended(process)
    assert not (folder / "report.json").exists()
    assert ended(study("--out", folder.name, "--resume"))[0] == 0
    assert numbers(folder) == numbers(undisturbed)
    assert lines_of(folder / "journal.jsonl") == lines_of(undisturbed / "journal.jsonl")


def test_ctrl_c_stops_cleanly_and_says_how_to_resume(
    place: Path, study: Study, undisturbed: Path
) -> None:
    folder = place / "interrupted"
    process = study("--out", folder.name)
    wait_for_answers(folder, process, 10)
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    assert code == 130
    assert "Traceback" not in err
    assert "harness study small.yaml --registry reg --out interrupted --resume" in err
    assert ended(study("--out", folder.name, "--resume"))[0] == 0
    assert numbers(folder) == numbers(undisturbed)


def test_an_unfinished_run_wants_resume_or_overwrite(place: Path, study: Study) -> None:
    folder = place / "unfinished"
    process = study("--out", folder.name)
    wait_for_answers(folder, process, 1)
    process.send_signal(signal.SIGKILL)
    ended(process)
    code, _, err = ended(study("--out", folder.name))
    assert code == 2
    assert "--resume" in err
    assert "--overwrite" in err


def test_a_finished_run_asks_nothing_more(place: Path, study: Study, undisturbed: Path) -> None:
    before = (undisturbed / "journal.jsonl").read_bytes()
    code, out, _ = ended(study("--out", undisturbed.name))
    assert code == 0
    assert "nothing was asked" in out
    assert (undisturbed / "journal.jsonl").read_bytes() == before


def test_the_report_can_be_made_anew_from_the_folder(start: Study, undisturbed: Path) -> None:
    before = numbers(undisturbed)
    (undisturbed / "report.html").unlink()
    assert ended(start("report", undisturbed.name))[0] == 0
    assert (undisturbed / "report.html").exists()
    assert numbers(undisturbed) == before


def test_a_run_folder_can_be_read_from_anywhere(
    undisturbed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(report_of(undisturbed).sections) == 1


def test_advice_is_printed_with_its_evidence(start: Study, undisturbed: Path) -> None:
    code, out, _ = ended(start("advise", undisturbed.name))
    assert code == 0
    assert "small-orders.test.v1, after 3 epochs" in out
    assert len(out.splitlines()) <= 25
    code, out, _ = ended(start("advise", undisturbed.name, "--all"))
    assert "small-orders.test.v1, after 1 epoch" in out
    assert "train score" in out
    code, out, _ = ended(start("advise", undisturbed.name, "--json"))
    assert json.loads(out) == numbers(undisturbed)["advice"]


def test_two_models_of_a_folder_can_be_compared_without_asking(
    place: Path, start: Study, undisturbed: Path
) -> None:
    tuned = numbers(undisturbed)["comparisons"][1]["tuned"]
    sides = (f"{undisturbed.name}#tiny-base", f"{undisturbed.name}#{tuned}")
    assert ended(start("compare", *sides, "--out", "compared"))[0] == 0
    (found,) = json.loads((place / "compared" / "report.json").read_text())["comparisons"]
    (known,) = (c for c in numbers(undisturbed)["comparisons"] if c["tuned"] == tuned)
    assert found["delta"] == known["delta"]


def test_a_folder_of_several_models_wants_one_named(start: Study, undisturbed: Path) -> None:
    code, _, err = ended(start("compare", undisturbed.name, undisturbed.name))
    assert code == 2
    assert "tiny-base" in err


def test_changed_data_are_not_mixed_with_old_answers(
    place: Path, start: Study, study: Study
) -> None:
    samples = place / "reg" / "data" / "heldout.jsonl"
    kept = samples.read_text()
    assert ended(study("--out", "changed", "--max-samples", "2"))[0] == 0
    try:
        samples.write_text(kept + kept.splitlines()[0] + "\n")
        code, _, err = ended(start("report", "changed"))
    finally:
        samples.write_text(kept)
    assert code == 2
    assert "heldout.jsonl" in err


def test_no_absolute_path_of_our_own_data_is_written(place: Path, start: Study) -> None:
    words = ("run", "orders.heldout.v1", "--model", "embedded:tiny-base", "--max-samples", "3")
    assert ended(start(*words, "--out", "own"))[0] == 0
    manifest = (place / "own" / "study.yaml").read_text()
    assert "harness:datasets/orders/heldout.jsonl" in manifest


def test_advice_on_an_unfinished_run_says_so(place: Path, start: Study, undisturbed: Path) -> None:
    part = place / "part"
    shutil.copytree(undisturbed, part)
    (part / "report.json").unlink()
    lines = (part / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (part / "journal.jsonl").write_bytes(b"".join(lines[:-30]))
    _, _, err = ended(start("advise", "part"))
    assert "part: this run is not finished, " in err
    assert "answers are missing" in err
    assert "--resume" in err
    assert "not finished" not in ended(start("advise", str(undisturbed)))[2]
