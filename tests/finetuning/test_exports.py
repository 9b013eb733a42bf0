"""Saved jobs, and jobs as OpenAI gives them: three checkpoints, some without their steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.embedded.workshop import Workshop
from harness.errors import DatasetError, UsageError
from harness.finetuning.curves import curve_of_result_file
from harness.finetuning.exports import (
    JobExport,
    TuningResult,
    read_export,
    result_of,
    save_export,
)
from harness.finetuning.jobs import EmbeddedTuning, TuningRequest, tune

MODEL = "ft:gpt-4.1-mini-2025-04-14:acme:triage:abc"


def job(**changes: Any) -> dict[str, Any]:
    return {
        "id": "ftjob-1",
        "status": "succeeded",
        "model": "gpt-4.1-mini-2025-04-14",
        "fine_tuned_model": MODEL,
        "seed": 7,
        "hyperparameters": {"n_epochs": "auto"},
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 5}}},
        "trained_tokens": 900,
        "error": None,
    } | changes


def step_event(step: int, total: int | None = 50) -> dict[str, Any]:
    data = {"step": step, "train_loss": 1.0 / step}
    return {"type": "metrics", "data": data | ({"total_steps": total} if total else {})}


def checkpoint(step: int, model: str | None = None) -> dict[str, Any]:
    return {
        "fine_tuned_model_checkpoint": model or f"{MODEL}:ckpt-step-{step}",
        "step_number": step,
        "metrics": {"train_loss": 0.5, "full_valid_loss": 0.75},
    }


LAST_THREE = [checkpoint(30), checkpoint(40), checkpoint(50, MODEL)]


def test_epochs_of_the_last_three_checkpoints_are_counted_from_the_start() -> None:
    export = JobExport(job(), [step_event(s) for s in range(1, 51)], LAST_THREE)
    result = result_of(export, "job")
    assert [(one.model, one.epoch) for one in result.checkpoints] == [
        (f"{MODEL}:ckpt-step-30", 3.0),
        (f"{MODEL}:ckpt-step-40", 4.0),
        (MODEL, 5.0),
    ]
    assert (result.epochs, result.seed, result.trained_tokens) == (5, 7, 900)


def test_without_total_steps_the_last_step_counts() -> None:
    export = JobExport(job(), [], LAST_THREE)
    assert [one.epoch for one in result_of(export, "job").checkpoints] == [3.0, 4.0, 5.0]


def test_the_tuned_model_is_a_checkpoint_even_when_the_list_forgets_it() -> None:
    events = [step_event(s) for s in (49, 50)]
    found = result_of(JobExport(job(), events, LAST_THREE[:2]), "job").checkpoints
    assert (found[-1].model, found[-1].epoch) == (MODEL, 5.0)
    named_otherwise = [*LAST_THREE[:2], checkpoint(50)]
    found = result_of(JobExport(job(), events, named_otherwise), "job").checkpoints
    assert [one.model for one in found][2:] == [MODEL]


def test_the_result_file_stands_in_for_events() -> None:
    export = JobExport(job(), [], LAST_THREE, result_file="step,train_loss\n1,2.0\n50,1.0\n")
    assert [step.train_loss for step in result_of(export, "job").curve] == [2.0, 1.0]


def test_a_running_job_has_no_checkpoints_yet() -> None:
    running = job(status="running", fine_tuned_model=None, method=None)
    result = result_of(JobExport(running, [], []), "job")
    assert (result.status, result.checkpoints, result.epochs) == ("running", (), None)


def test_a_failed_job_says_why() -> None:
    error = {"code": "x", "message": "line 3 is wrong", "param": None}
    failed = job(status="failed", fine_tuned_model=None, error=error)
    assert result_of(JobExport(failed, [], []), "job").error == "line 3 is wrong"


def test_checkpoints_whose_epochs_nobody_knows_are_refused() -> None:
    with pytest.raises(DatasetError, match=r"export: .*n_epochs"):
        result_of(JobExport(job(method=None), [], LAST_THREE), "export")


def test_a_saved_job_reads_like_the_live_one(
    workshop: Workshop, triage_files: tuple[Path, Path], tmp_path: Path
) -> None:
    service = EmbeddedTuning(workshop)
    live = tune(service, TuningRequest("tiny-base", *triage_files, epochs=2))
    save_export(service.export(live.job_id), tmp_path / "job")
    assert result_of(read_export(tmp_path / "job"), "saved") == live
    assert result_of(read_export(tmp_path / "job" / "job.json"), "saved") == live
    metrics = (tmp_path / "job" / "metrics.csv").read_text()
    assert curve_of_result_file(metrics, "metrics.csv") == live.curve


@pytest.mark.parametrize(
    "content", [None, "{", "[]", '{"job": 3}', '{"job": {}, "events": [1]}', "\x00"]
)
def test_what_is_no_saved_job_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "job.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DatasetError, match=r"job\.json"):
        result_of(read_export(tmp_path), str(path))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--out"):
        save_export(JobExport(job(fine_tuned_model=None), [], []), tmp_path / "file")


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "supervised"},
        {"method": {"type": {"a": 1}, "supervised": 3}},
        {"method": {"type": "supervised", "supervised": {"hyperparameters": 1.5}}},
        {"method": None, "hyperparameters": {"n_epochs": 10**30}},
        {"fine_tuned_model": 3},
        {"trained_tokens": [{}]},
    ],
)
def test_a_job_of_nonsense_is_one_line_or_a_job(changes: dict[str, Any]) -> None:
    events = [step_event(s) for s in (49, 50)]
    found: DatasetError | TuningResult
    try:
        found = result_of(JobExport(job(**changes), events, LAST_THREE), "export")
    except DatasetError as error:
        found = error
    assert "\n" not in str(found)
