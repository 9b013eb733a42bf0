"""Runs of fine-tuning jobs: from a server's own objects, with or without their curve."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from harness.errors import DatasetError
from harness.finetuning.curve_runs import run_of_curve
from harness.finetuning.curves import is_one_json, json_of, read_objects
from harness.finetuning.exports import (
    JOB_FILE,
    JobExport,
    Json,
    TuningResult,
    epoch_length,
    epochs_of,
    is_count,
    is_job,
    mapping,
    metrics_csv,
    read_export,
    result_of,
    settings_of,
)
from harness.finetuning.sources import is_checkpoint, is_event, is_list_of, plain_text, text_of
from harness.finetuning.states import Naming, epoch_ends, states_at, validated_steps
from harness.finetuning.tables import read_table
from harness.finetuning.training_run import TrainingRun
from harness.records import Checkpoint

ENDED = frozenset({"failed", "cancelled"})
"""Jobs that will train no further."""


def run_of_job(export: JobExport, source: str) -> TrainingRun:
    """Return a job's run from its own objects, finished or not.

    Raises:
        DatasetError: the objects are not those of a tuning job, or nothing was trained.
    """
    if has_no_curve(export) and export.job.get("status") == "succeeded":
        return run_without_curve(export.job, source)
    result = result_of(export, source)
    if not result.curve:
        raise DatasetError(f"{source}: job {result.job_id} {why_no_curve(result)}")
    if not result.checkpoints and epochs_of(export.job) is None:
        return run_of_curve(result.curve, None, source, "fine-tuning job")
    length = epoch_length(export, result.curve, source)
    names = {one.step: one.model for one in result.checkpoints if one.step is not None}
    naming = Naming(lambda step: step / length, names=names, seed=result.seed)
    ends = {*epoch_ends(result.curve, length, result.epochs or 0), *names}
    return TrainingRun(
        name=result.job_id,
        kind="fine-tuning job",
        curve=result.curve,
        checkpoints=states_at(result.curve, ends, naming),
        evaluations=states_at(result.curve, validated_steps(result.curve), naming),
        epochs=naming.epoch_at(result.curve[-1].step),
        kept=frozenset(names),
        base=result.base,
        status=result.status,
        error=result.error,
        trained_tokens=result.trained_tokens,
        server=export.server,
        settings=settings_of(export.job),
    )


def why_no_curve(result: TuningResult) -> str:
    """Return why a job has no curve, and what to do about it."""
    if result.error:
        return f"is {result.status}, without a curve: {result.error}"
    if result.status == "succeeded":
        return "has succeeded, but its steps are missing: give its result file (CSV), too"
    if result.status in ENDED:
        return f"is {result.status}, without a curve: start it anew"
    return f"is {result.status}, no curve yet; look again when it runs"


def has_no_curve(export: JobExport) -> bool:
    """Whether a job stands alone: without events, checkpoints and result file."""
    return not (export.events or export.checkpoints or export.result_file)


def run_without_curve(job: Json, source: str) -> TrainingRun:
    """Return what a finished job says by itself: its end.

    Raises:
        DatasetError: not even how many epochs it trained.
    """
    model, epochs = job.get("fine_tuned_model"), epochs_of(job)
    if not isinstance(job.get("id"), str) or not isinstance(model, str) or epochs is None:
        raise DatasetError(
            f"{source}: a job without its id, its epochs (hyperparameters.n_epochs) or its tuned "
            "model (fine_tuned_model); save it again when it has succeeded"
        )
    files = [one for one in listed(job.get("result_files")) if isinstance(one, str)]
    named = f" ({', '.join(files)})" if files else ""
    tokens = job.get("trained_tokens")
    return TrainingRun(
        name=job["id"],
        kind="fine-tuning job without its curve",
        curve=(),
        checkpoints=(Checkpoint(model, epochs),),
        evaluations=(),
        epochs=epochs,
        base=str(job.get("model")),
        trained_tokens=tokens if is_count(tokens) else None,
        settings=settings_of(job),
        notes=(
            f"a job's object holds no curve: download its result file{named} and give both: "
            f"harness advise {shlex.quote(source)} result.csv",
        ),
    )


def listed(value: object) -> list[object]:
    """Return a list of a job, an empty one where there is something else."""
    return value if isinstance(value, list) else []


def run_of_job_and_result(path: Path, result: Path) -> TrainingRun:
    """Return the run of a job's file and its result file, events or checkpoints.

    The job has the epochs and names, the other file the curve.

    Raises:
        DatasetError: neither of them is a job, or the other one none of these.
    """
    if not holds_job(path):
        path, result = result, path
    if not holds_job(path):
        raise DatasetError(f"{result}: holds no job; give a job's JSON and its result file (CSV)")
    return run_of_job(with_curve(read_export(path), result), f"{path} with {result}")


def holds_job(path: Path) -> bool:
    """Whether a path is a saved job, or a file with a job's object."""
    if path.is_dir():
        return (path / JOB_FILE).is_file()
    text = plain_text(text_of(path))
    if not text.startswith(("{", "[")) or not is_one_json(text):
        return False
    content = json_of(text, str(path))
    return is_list_of(content, is_job) or is_job(content) or "job" in mapping(content)


def with_curve(export: JobExport, result: Path) -> JobExport:
    """Return a job with what another file says of its curve."""
    text = plain_text(text_of(result))
    if text.startswith(("{", "[")) and all(map(is_event, items := read_objects(text, str(result)))):
        return replace(export, events=items)
    if text.startswith(("{", "[")) and all(map(is_checkpoint, items)):
        return replace(export, checkpoints=items)
    return replace(export, result_file=metrics_csv(read_table(text, str(result)).curve))
