"""From a path to a training run: by what the file or folder holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.errors import DatasetError, UsageError
from harness.finetuning.curve_runs import run_of_curve, run_of_table, run_of_trainer
from harness.finetuning.curves import curve_of_events, is_one_json, json_of, read_objects
from harness.finetuning.exports import JOB_FILE, is_job, read_export
from harness.finetuning.job_runs import run_of_job
from harness.finetuning.sources import (
    is_checkpoint,
    is_event,
    is_list_of,
    is_of_events,
    looks_like_a_log,
    plain_text,
    text_of,
)
from harness.finetuning.trainer_states import PREFIX, STATE_FILE, state_file
from harness.finetuning.training_run import EVENTS, OF_A_BARE_CURVE, TrainingRun


def is_training_run(path: Path) -> bool:
    """Whether a path is a file, or a folder with a saved job or trainer states in it."""
    return path.is_file() or (path / JOB_FILE).is_file() or state_file(path) is not None


def read_run(path: Path, epochs: int | None = None, model: str | None = None) -> TrainingRun:
    """Return the run that a file or folder tells of.

    ``epochs`` and ``model`` are what a result file does not say: how many epochs its steps are,
    and the tuned model's name, which is that of the last state; those of others are not known.

    Raises:
        DatasetError: it cannot be read, or tells of no run.
        UsageError: ``epochs`` or ``model`` for what says its own.
    """
    run = run_of_folder(path) if path.is_dir() else run_of_file(path, epochs, model)
    if (epochs or model) and run.kind not in OF_A_BARE_CURVE:
        raise UsageError(
            f"--epochs and --model are for result files; {path} ({run.kind}) says its own"
        )
    return run


def run_of_folder(path: Path) -> TrainingRun:
    """Return the run of a folder: a saved job, or a trainer's output."""
    if (path / JOB_FILE).is_file():
        run = run_of_job(read_export(path), str(path / JOB_FILE))
        return replace(run, folder=path)
    file = state_file(path)
    if file is not None:
        return run_of_trainer(text_of(file), file)
    nested = sorted(one for one in path.iterdir() if one.is_dir() and is_training_run(one))
    if nested:
        names = ", ".join(one.name for one in nested[:4])
        raise DatasetError(f"{path}: holds no run itself; give one of those below it: {names}")
    raise DatasetError(
        f"{path}: no run folder, no saved job ({JOB_FILE}) and no checkpoints of a trainer "
        f"({PREFIX}*/{STATE_FILE}) in it; give the folder or file that training wrote"
    )


def run_of_file(path: Path, epochs: int | None, model: str | None) -> TrainingRun:
    """Return the run of a file, by what is in it."""
    text = plain_text(text_of(path))
    if not text.strip():
        raise DatasetError(f"{path}: the file is empty; save what training wrote again")
    if not text.startswith(("{", "[")):
        return run_of_table(text, str(path), epochs, model)
    return run_of_json(text, path, epochs, model)


def run_of_json(text: str, path: Path, epochs: int | None, model: str | None) -> TrainingRun:
    """Return the run of a JSON file, by what is in it."""
    source = str(path)
    content = json_of(text, source) if is_one_json(text) else None
    if isinstance(content, dict) and "log_history" in content:
        return run_of_trainer(text, path)
    if isinstance(content, dict) and "job" in content:
        return replace(run_of_job(read_export(path), source), folder=path.parent)
    if is_job(content) or is_list_of(content, is_job):
        return run_of_job(read_export(path), source)
    if isinstance(content, dict) and isinstance(content.get("error"), dict):
        error = content["error"]
        said = error.get("code") or error.get("type") or "without a code"
        raise DatasetError(
            f"{source}: an error that an API answered ({said}), not a job; ask for the job again"
        )
    if is_list_of(content, is_checkpoint):
        raise DatasetError(
            f"{source}: a job's checkpoints alone, which hold no curve; give the job's JSON and "
            "its result file (CSV), or a saved job with 'job', 'events' and 'checkpoints'"
        )
    if looks_like_a_log(text):
        raise DatasetError(
            f"{source}: a log of answers, not of training; give it with --log beside the run"
        )
    if is_list_of(content, is_event):
        read_objects(text, source)
    if is_list_of(content, is_event) and not is_of_events(text, source):
        raise DatasetError(
            f"{source}: events of a job, and none of them has metrics; save them again with all "
            "pages, or give the job's result file (CSV)"
        )
    if is_of_events(text, source):
        curve = curve_of_events(read_objects(text, source), source)
        return run_of_curve(curve, epochs, source, EVENTS, model=model)
    return run_of_table(text, source, epochs, model)
