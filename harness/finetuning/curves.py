"""Reads what training wrote: events, checkpoints, result files, trainer states. Pure: text in.

Losses are nats a token, accuracies fractions of tokens guessed. A NaN stays one: a loss that
went wrong is a fact, a cell that is blank is none.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import DatasetError
from harness.records import Checkpoint


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """What was measured at one optimiser step; None where nothing was."""

    step: int
    train_loss: float | None = None
    train_token_accuracy: float | None = None
    valid_loss: float | None = None
    valid_token_accuracy: float | None = None


Curve = tuple[TrainingStep, ...]
"""The steps of a run in order."""

METRICS = ("train_loss", "train_token_accuracy", "valid_loss", "valid_token_accuracy")
NAMES: Mapping[str, Sequence[str]] = {
    "train_loss": ("train_loss",),
    "train_token_accuracy": ("train_mean_token_accuracy", "train_accuracy"),
    "valid_loss": ("full_valid_loss", "valid_loss"),
    "valid_token_accuracy": (
        "full_valid_mean_token_accuracy",
        "valid_mean_token_accuracy",
        "validation_mean_token_accuracy",
        "valid_accuracy",
    ),
}
"""Our metric -> its names at OpenAI and Azure; the whole validation set before a batch of it."""


# --- jobs with OpenAI's shape --------------------------------------------------------


def curve_of_events(events: Iterable[Mapping[str, Any]], source: str) -> Curve:
    """Return the steps that a job's metrics events report, whatever the order of the events."""
    steps: dict[int, TrainingStep] = {}
    for position, event in enumerate(events, start=1):
        data = event.get("data")
        if event.get("type") == "metrics" and isinstance(data, Mapping):
            step = step_of(data, f"{source}: event {position}")
            steps[step.step] = step
    return tuple(steps[number] for number in sorted(steps))


def checkpoints_of_job(
    objects: Iterable[Mapping[str, Any]], steps_per_epoch: float, seed: int | None, source: str
) -> tuple[Checkpoint, ...]:
    """Return a job's checkpoints in order of training."""
    found = []
    for position, item in enumerate(objects, start=1):
        where = f"{source}: checkpoint {position}"
        name, metrics = item.get("fine_tuned_model_checkpoint"), item.get("metrics") or {}
        if not isinstance(name, str) or not isinstance(metrics, Mapping):
            raise DatasetError(f"{where} has no fine_tuned_model_checkpoint; export the job anew")
        step = step_of({**metrics, "step": item.get("step_number")}, where)
        found.append(checkpoint_at(name, step, steps_per_epoch, seed))
    return tuple(sorted(found, key=lambda checkpoint: checkpoint.epoch))


def checkpoint_at(
    model: str, step: TrainingStep, steps_per_epoch: float, seed: int | None = None
) -> Checkpoint:
    """Return the checkpoint that a model is after a step."""
    return Checkpoint(
        model=model,
        epoch=whole_if_near(step.step / steps_per_epoch),
        step=step.step,
        seed=seed,
        train_loss=step.train_loss,
        valid_loss=step.valid_loss,
        train_token_accuracy=step.train_token_accuracy,
        valid_token_accuracy=step.valid_token_accuracy,
    )


def curve_of_result_file(text: str, source: str) -> Curve:
    """Return the steps of a result file: CSV with OpenAI's or Azure's columns, plain or base64.

    Raises:
        DatasetError: it is no such file, or a cell is not a number; the message has the line.
    """
    reader = csv.DictReader(io.StringIO(plain_csv(text, source)))
    if "step" not in (reader.fieldnames or ()):
        raise DatasetError(f"{source}:1: no column 'step'; expected a tuning job's result file")
    steps = []
    for row in reader:
        where = f"{source}:{reader.line_num}"
        if None in row or None in row.values():
            raise DatasetError(f"{where}: not as many cells as columns; fetch the file again")
        steps.append(step_of(row, where))
    return tuple(sorted(steps, key=lambda step: step.step))


def plain_csv(text: str, source: str) -> str:
    """Return the CSV behind a result file, which some servers send in base64."""
    text = text.lstrip("\ufeff \r\n")
    if text.startswith("step"):
        return text
    try:
        decoded = base64.b64decode("".join(text.split()), validate=True).decode().lstrip("\ufeff")
    except (binascii.Error, ValueError):
        decoded = ""
    if not decoded.startswith("step"):
        raise DatasetError(
            f"{source}:1: expected a CSV whose first column is 'step', plain or in base64; "
            "fetch the job's result file again"
        )
    return decoded


def step_of(data: Mapping[str, Any], where: str) -> TrainingStep:
    """Return the step that a metrics object or CSV row describes."""
    number = number_in(data, "step", where)
    if number is None or number != number or number < 1 or number % 1:
        raise DatasetError(f"{where}: 'step' is {data.get('step')!r}, not a whole number from 1")
    return TrainingStep(
        int(number), **{ours: first_number(data, theirs, where) for ours, theirs in NAMES.items()}
    )


def first_number(data: Mapping[str, Any], names: Sequence[str], where: str) -> float | None:
    """Return the first number under one of the names, None if there is none."""
    numbers = (number_in(data, name, where) for name in names)
    return next((number for number in numbers if number is not None), None)


def number_in(data: Mapping[str, Any], name: str, where: str) -> float | None:
    """Return a number, None where it is absent or blank."""
    value = data.get(name)
    if value is None or value == "":
        return None
    try:
        if isinstance(value, bool):
            raise ValueError(value)
        return float(value)
    except (TypeError, ValueError):
        raise DatasetError(f"{where}: {name!r} is {value!r}, not a number") from None


# --- Hugging Face --------------------------------------------------------------------


def read_trainer_state(text: str, source: str) -> tuple[Curve, tuple[Checkpoint, ...]]:
    """Return the curve and checkpoints of a ``trainer_state.json``.

    A checkpoint stands wherever the validation set was measured, else at every whole epoch and
    at the end; it has the name ``checkpoint-<step>`` that the trainer gives to folders.

    Raises:
        DatasetError: it is not such a file.
    """
    state = json_of(text, source)
    log = state.get("log_history") if isinstance(state, dict) else None
    if not isinstance(log, list) or not all(isinstance(entry, dict) for entry in log):
        raise DatasetError(f"{source}: no list 'log_history'; expected a trainer_state.json")
    epochs: dict[int, float] = {}
    steps: dict[int, dict[str, Any]] = {}
    for position, entry in enumerate(log, start=1):
        where = f"{source}: log_history[{position - 1}]"
        logged = logged_step(entry, where)
        epochs[logged.step] = number_in(entry, "epoch", where) or 0.0
        merged = steps.setdefault(logged.step, {})
        merged |= {name: value for name in METRICS if (value := getattr(logged, name)) is not None}
    curve = tuple(TrainingStep(number, **steps[number]) for number in sorted(steps))
    return curve, trainer_checkpoints(curve, epochs)


def logged_step(entry: Mapping[str, Any], where: str) -> TrainingStep:
    """Return one entry of the log; the summary at the end has a mean loss, which is none here."""
    renamed = {
        "step": entry.get("step"),
        "train_loss": entry.get("loss"),
        "train_mean_token_accuracy": entry.get("mean_token_accuracy"),
        "valid_loss": entry.get("eval_loss"),
        "valid_mean_token_accuracy": entry.get("eval_mean_token_accuracy"),
    }
    return step_of(renamed, where)


def trainer_checkpoints(curve: Curve, epochs: Mapping[int, float]) -> tuple[Checkpoint, ...]:
    """Return the checkpoints of a trainer's curve, each with the last training loss before it."""
    ends = [step.step for step in curve if step.valid_loss is not None]
    if not ends:
        whole = {n for n, epoch in epochs.items() if epoch and epoch == whole_if_near(epoch) // 1}
        ends = sorted(whole | {max(epochs, default=0)} - {0})
    return tuple(
        Checkpoint(
            model=f"checkpoint-{end}",
            epoch=whole_if_near(epochs[end]),
            step=end,
            train_loss=last_value(curve, "train_loss", end),
            valid_loss=last_value(curve, "valid_loss", end),
            train_token_accuracy=last_value(curve, "train_token_accuracy", end),
            valid_token_accuracy=last_value(curve, "valid_token_accuracy", end),
        )
        for end in ends
    )


def last_value(curve: Curve, metric: str, end: int) -> float | None:
    """Return a metric as it was last measured, up to a step."""
    values: list[float | None] = [getattr(step, metric) for step in curve if step.step <= end]
    return next((value for value in reversed(values) if value is not None), None)


def whole_if_near(epoch: float) -> float:
    """Return an epoch without the noise of dividing steps: 2.0000001 is 2."""
    return float(round(epoch)) if abs(epoch - round(epoch)) < 1e-3 else epoch


# --- JSON ----------------------------------------------------------------------------


def read_objects(text: str, source: str) -> list[Mapping[str, Any]]:
    """Return the objects of a JSON list, of an API's list object, or of JSON lines.

    Raises:
        DatasetError: it is none of these; the message has the line.
    """
    content = json_of(text, source) if is_one_json(text) else json_lines(text, source)
    if isinstance(content, dict):
        content = content["data"] if isinstance(content.get("data"), list) else [content]
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        raise DatasetError(f"{source}: expected a list of objects, or one object a line")
    return content


def is_one_json(text: str) -> bool:
    """Whether a text is one JSON value over all its lines, rather than one a line."""
    first, _, rest = text.strip().partition("\n")
    try:
        json.loads(first)
    except (json.JSONDecodeError, RecursionError):
        return True
    return not rest


def json_lines(text: str, source: str) -> list[Any]:
    """Return the values of JSON lines."""
    lines = enumerate(text.splitlines(), start=1)
    return [
        json_of(line, f"{source}:{number}", one_line=True) for number, line in lines if line.strip()
    ]


def json_of(text: str, source: str, one_line: bool = False) -> Any:
    """Return the JSON in a text; NaN, which Python's trainers write, is a number here."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = source if one_line else f"{source}:{error.lineno}"
        raise DatasetError(f"{where}: not JSON: {error.msg}") from None
    except RecursionError:
        raise DatasetError(f"{source}: JSON is nested too deeply") from None
