"""What a tuning job made, read from its own objects, live or saved: a saved job reads the same.

The objects have OpenAI's shape. OpenAI keeps the last three checkpoints of a job, the embedded
model one of every epoch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

from harness.errors import DatasetError, UsageError
from harness.finetuning.curves import (
    METRICS,
    Curve,
    TrainingStep,
    checkpoint_at,
    checkpoints_of_job,
    curve_of_checkpoints,
    curve_of_events,
    curve_of_result_file,
    json_of,
)
from harness.finetuning.states import Naming, state_at
from harness.records import Checkpoint

Json = Mapping[str, Any]

JOB_FILE = "job.json"
METRICS_FILE = "metrics.csv"
OF_A_JOB = ("id", "model", "fine_tuned_model", "training_file")
"""What every service says of a job."""
MOST_STEPS = 10**12
MOST_EPOCHS = 10_000
"""A job of more is none."""
METRICS_COLUMNS = {
    "step": "step",
    "train_loss": "train_loss",
    "train_accuracy": "train_token_accuracy",
    "valid_loss": "valid_loss",
    "valid_mean_token_accuracy": "valid_token_accuracy",
}
"""A column of OpenAI's result file -> our metric."""


@dataclass(frozen=True, slots=True)
class JobExport:
    """A job's own objects, in OpenAI's shape; ``events`` and ``checkpoints`` oldest first.

    ``server`` is where the job runs; None: in a process of the embedded model.
    """

    job: Json
    events: Sequence[Json]
    checkpoints: Sequence[Json]
    result_file: str | None = None
    server: str | None = None


@dataclass(frozen=True, slots=True)
class TuningResult:
    """How a job ended and what it made; ``model`` is None unless it succeeded."""

    job_id: str
    status: str
    model: str | None
    base: str
    epochs: int | None
    seed: int | None
    checkpoints: tuple[Checkpoint, ...]
    curve: Curve
    trained_tokens: int | None = None
    error: str | None = None


# --- reading -------------------------------------------------------------------------


def result_of(export: JobExport, source: str) -> TuningResult:
    """Return what a job made, from its own objects.

    A checkpoint's epoch is its step by the steps of an epoch. OpenAI keeps the last three
    checkpoints of a job, the embedded model one of every epoch.

    Raises:
        DatasetError: the objects are not those of a tuning job.
    """
    job = export.job
    if not isinstance(job.get("id"), str) or not isinstance(job.get("status"), str):
        raise DatasetError(f"{source}: not a tuning job: no id or no status")
    if not isinstance(job.get("fine_tuned_model") or "", str):
        raise DatasetError(f"{source}: fine_tuned_model is no name; save the job again")
    curve = curve_of_events(export.events, source)
    if not curve and export.result_file:
        curve = curve_of_result_file(export.result_file, f"{source}: result file")
    curve = curve or curve_of_checkpoints(export.checkpoints, source)
    return TuningResult(
        job_id=job["id"],
        status=job["status"],
        model=job.get("fine_tuned_model"),
        base=str(job.get("model")),
        epochs=epochs_of(job),
        seed=job.get("seed"),
        checkpoints=checkpoints_of(export, curve, source),
        curve=curve,
        trained_tokens=tokens if is_count(tokens := job.get("trained_tokens")) else None,
        error=error_of(job),
    )


def checkpoints_of(export: JobExport, curve: Curve, source: str) -> tuple[Checkpoint, ...]:
    """Return a job's checkpoints, the tuned model itself among them, in order of training."""
    model, seed = export.job.get("fine_tuned_model"), export.job.get("seed")
    if not export.checkpoints and not model:
        return ()
    steps_per_epoch = epoch_length(export, curve, source)
    found = checkpoints_of_job(export.checkpoints, steps_per_epoch, seed, source)
    if model and model not in {checkpoint.model for checkpoint in found} and curve:
        last = checkpoint_at(model, curve[-1], steps_per_epoch, seed)
        found = (*(c for c in found if c.step != last.step), last)
    return tuple(as_measured(one, curve, steps_per_epoch) for one in found)


def as_measured(checkpoint: Checkpoint, curve: Curve, steps_per_epoch: float) -> Checkpoint:
    """Return a checkpoint with the numbers of its run's curve, its own where that has none.

    Services differ in what a checkpoint's training loss is: its last step's, or its epoch's.
    """
    end = checkpoint.step or 0
    naming = Naming(lambda step: checkpoint.epoch)
    seen = state_at(curve, round(end - steps_per_epoch), end, naming)
    known = {name: value for name in METRICS if (value := getattr(seen, name)) is not None}
    return replace(checkpoint, **known)


def epoch_length(export: JobExport, curve: Curve, source: str) -> float:
    """Return the optimiser steps of an epoch: all of the job's steps by its epochs."""
    epochs = epochs_of(export.job)
    totals = [
        data["total_steps"]
        for event in export.events
        if isinstance(data := event.get("data"), Mapping) and is_count(data.get("total_steps"))
    ]
    seen: list[float] = [step.step for step in curve]
    numbers = (item.get("step_number") for item in export.checkpoints)
    seen += [number for number in numbers if is_count(number)]
    total = max(totals or seen, default=0)
    if not epochs or not total:
        raise DatasetError(
            f"{source}: checkpoints without their epochs: the job needs "
            "hyperparameters.n_epochs, and metrics events or a result file with its steps; or give "
            "its result file alone, with --epochs N"
        )
    return float(total) / epochs


def is_count(value: object) -> TypeGuard[int]:
    """Whether a value is a number of steps."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value < MOST_STEPS


def epochs_of(job: Json) -> int | None:
    """Return how many epochs a job trains, None while the service has not decided."""
    method = mapping(job.get("method"))
    options = mapping(method.get(str(method.get("type") or "supervised")))
    for hyperparameters in (options.get("hyperparameters"), job.get("hyperparameters")):
        epochs = mapping(hyperparameters).get("n_epochs")
        if is_count(epochs) and epochs == int(epochs) <= MOST_EPOCHS:
            return int(epochs)
    return None


def mapping(value: object) -> Json:
    """Return an object of a job, an empty one where there is something else."""
    return value if isinstance(value, Mapping) else {}


def error_of(job: Json) -> str | None:
    """Return why a job failed."""
    error = job.get("error")
    message = error.get("message") if isinstance(error, Mapping) else error
    return str(message) if message else None


# --- on disk -------------------------------------------------------------------------


def save_export(export: JobExport, folder: Path) -> None:
    """Write a job's objects and its step metrics into a folder."""
    curve = result_of(export, "the job").curve
    content = {
        "job": export.job,
        "events": list(export.events),
        "checkpoints": list(export.checkpoints),
        "server": export.server,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / JOB_FILE).write_text(json.dumps(content, indent=1) + "\n")
        (folder / METRICS_FILE).write_text(metrics_csv(curve))
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}; choose another --out") from error


def metrics_csv(curve: Curve) -> str:
    """Return a curve as a result file with OpenAI's columns."""
    rows = [",".join(cells(step)) for step in curve]
    return "\n".join([",".join(METRICS_COLUMNS), *rows]) + "\n"


def cells(step: TrainingStep) -> list[str]:
    """Return a step's row; what was not measured is blank, numbers keep all digits."""
    values = (getattr(step, name) for name in METRICS_COLUMNS.values())
    return ["" if value is None else str(value) for value in values]


def read_export(path: Path) -> JobExport:
    """Return a saved job: ``job.json``, the folder that holds it, or the job's own object alone.

    Raises:
        DatasetError: there is no such file, or it is not a saved job.
    """
    file = path / JOB_FILE if path.is_dir() else path
    try:
        content = json_of(file.read_text(), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file}: cannot be read as a saved job: {error}") from error
    parts = the_job_of(content, str(file))
    if is_job(parts):
        return JobExport(parts, [], [])
    job, events, checkpoints = (unlisted(parts.get(n)) for n in ("job", "events", "checkpoints"))
    if not isinstance(job, dict) or not are_objects(events) or not are_objects(checkpoints):
        raise DatasetError(
            f"{file}: not a saved job: expected an object with 'job', and the lists "
            "'events' and 'checkpoints'"
        )
    server = parts.get("server")
    return JobExport(
        job, events or [], checkpoints or [], server=server if isinstance(server, str) else None
    )


def the_job_of(content: object, source: str) -> Json:
    """Return the object of a file, that of a list with one job, else an empty one.

    Raises:
        DatasetError: the list holds several jobs.
    """
    items = unlisted(content)
    if not isinstance(items, list):
        return mapping(items)
    jobs = [one for one in items if is_job(one)]
    if len(jobs) > 1:
        names = ", ".join(str(one.get("id")) for one in jobs[:4])
        raise DatasetError(f"{source}: holds {len(jobs)} jobs ({names}); save one of them alone")
    return jobs[0] if jobs else {}


def unlisted(value: Any) -> Any:
    """Return the items of an API's list object, and any other value as it is."""
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        return value["data"]
    return value


def is_job(content: object) -> TypeGuard[Json]:
    """Whether a value is what a server says of a job, without its events.

    Some clients and services leave ``object`` out or name it otherwise.
    """
    return isinstance(content, dict) and (
        content.get("object") == "fine_tuning.job" or content.keys() >= {"status", *OF_A_JOB}
    )


def settings_of(job: Json) -> str:
    """Return how a job was trained, in words: what it says of it beside its epochs."""
    method = mapping(job.get("method"))
    options = mapping(method.get(str(method.get("type") or "supervised")))
    told = {**mapping(job.get("hyperparameters")), **mapping(options.get("hyperparameters"))}
    shown = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in told.items()
        if name != "n_epochs" and isinstance(value, int | float | str)
    ]
    if is_count(tokens := job.get("trained_tokens")):
        shown.append(f"{tokens:,} tokens trained")
    return ", ".join(shown)


def are_objects(value: object) -> bool:
    """Whether a value is a list of objects, or absent."""
    return value is None or (
        isinstance(value, list) and all(isinstance(item, dict) for item in value)
    )
