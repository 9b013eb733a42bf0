"""Reads what a tuning job wrote: events, checkpoints, result files. Pure: text in.

Losses are nats a token, accuracies fractions of tokens guessed. A NaN stays one: a loss that
went wrong is a fact, a cell that is blank is none; nor is -1, which Azure writes where nothing
was measured.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import math
import re
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
    "train_loss": ("train_loss", "training_loss"),
    "train_token_accuracy": (
        "train_mean_token_accuracy",
        "train_accuracy",
        "training_token_accuracy",
    ),
    "valid_loss": ("full_valid_loss", "valid_loss", "validation_loss"),
    "valid_token_accuracy": (
        "full_valid_mean_token_accuracy",
        "valid_mean_token_accuracy",
        "validation_mean_token_accuracy",
        "valid_accuracy",
        "validation_token_accuracy",
    ),
}
"""Our metric -> its names at OpenAI and Azure; the whole validation set before a batch of it.

Of several names the first that a run uses counts, for all of its steps: a loss on a batch is no
point of a curve of losses on the whole set.
"""

Names = Mapping[str, Sequence[str]]

BLANKS = frozenset({"", "null", "none", "na", "n/a"})
"""What exports write into a cell without a value, in lower case."""
UNMEASURED = re.compile(r"-1(\.0*)?")
"""What stands for a loss or an accuracy that was not measured: neither is ever below 0."""


# --- jobs with OpenAI's shape --------------------------------------------------------


def curve_of_events(events: Iterable[Mapping[str, Any]], source: str) -> Curve:
    """Return the steps that a job's metrics events report, whatever the order of the events."""
    found = {
        f"{source}: event {position}": data
        for position, event in enumerate(events, start=1)
        if event.get("type") == "metrics" and isinstance(data := event.get("data"), Mapping)
    }
    names = names_in_use(found.values())
    steps = {(step := step_of(data, where, names)).step: step for where, data in found.items()}
    return tuple(steps[number] for number in sorted(steps))


def curve_of_checkpoints(objects: Iterable[Mapping[str, Any]], source: str) -> Curve:
    """Return the steps that a job's checkpoints have metrics of, where nothing else has."""
    rows = {
        f"{source}: checkpoint {position}": {**metrics, "step": item.get("step_number")}
        for position, item in enumerate(objects, start=1)
        if isinstance(metrics := item.get("metrics"), Mapping)
    }
    names = names_in_use(rows.values())
    steps = [step_of(row, where, names) for where, row in rows.items()]
    known = [s for s in steps if any(getattr(s, metric) is not None for metric in METRICS)]
    return tuple(sorted(known, key=lambda step: step.step))


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


def epoch_in(data: Mapping[str, Any], names: Sequence[str], where: str) -> float | None:
    """Return the epochs trained by a row, under the first of some names that it has.

    Raises:
        DatasetError: that is no number of epochs.
    """
    epoch = first_number(data, names, where)
    if epoch is None or 0 <= epoch < math.inf:
        return epoch
    raise DatasetError(f"{where}: the epoch is {epoch}, not a number from 0; export the run again")


def whole_if_near(epoch: float) -> float:
    """Return an epoch without the noise of dividing steps: 2.0000001 is 2."""
    return float(round(epoch)) if abs(epoch - round(epoch)) < 1e-3 else epoch


def curve_of_result_file(text: str, source: str) -> Curve:
    """Return the steps of a result file: CSV with OpenAI's or Azure's columns, plain or base64.

    Raises:
        DatasetError: it is no such file, or a cell is not a number; the message has the line.
    """
    reader = csv.DictReader(io.StringIO(plain_csv(text, source)))
    if "step" not in (reader.fieldnames or ()):
        raise DatasetError(f"{source}:1: no column 'step'; expected a tuning job's result file")
    rows: dict[str, Mapping[str, Any]] = {}
    for row in reader:
        where = f"{source}:{reader.line_num}"
        if None in row or None in row.values():
            raise DatasetError(f"{where}: not as many cells as columns; fetch the file again")
        rows[where] = row
    names = names_in_use(rows.values())
    steps = (step_of(row, where, names) for where, row in rows.items())
    return tuple(sorted(steps, key=lambda step: step.step))


def names_in_use(rows: Iterable[Mapping[str, Any]], names: Names = NAMES) -> Names:
    """Return for each metric the first of its names under which a run has a value."""
    used = {name for row in rows for name, value in row.items() if is_measured(value)}
    return {ours: [name for name in theirs if name in used][:1] for ours, theirs in names.items()}


def is_measured(value: Any) -> bool:
    """Whether a cell of a metric holds a value."""
    if isinstance(value, str):
        return not (is_blank(value) or UNMEASURED.fullmatch(value.strip()))
    return value is not None and value != -1


def is_blank(value: Any) -> bool:
    """Whether a cell is empty, or says so in a word."""
    return value is None or (isinstance(value, str) and value.strip().lower() in BLANKS)


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


def step_of(data: Mapping[str, Any], where: str, names: Names = NAMES) -> TrainingStep:
    """Return the step that a metrics object or CSV row describes."""
    number = number_in(data, "step", where)
    if number is None or number != number or number < 1 or number % 1:
        raise DatasetError(f"{where}: 'step' is {data.get('step')!r}, not a whole number from 1")
    known = {name: value for name, value in data.items() if is_measured(value)}
    return TrainingStep(
        int(number), **{ours: first_number(known, theirs, where) for ours, theirs in names.items()}
    )


def first_number(data: Mapping[str, Any], names: Sequence[str], where: str) -> float | None:
    """Return the first number under one of the names, None if there is none."""
    numbers = (number_in(data, name, where) for name in names)
    return next((number for number in numbers if number is not None), None)


def number_in(data: Mapping[str, Any], name: str, where: str) -> float | None:
    """Return a number, None where it is absent or blank."""
    value = data.get(name)
    if value is None or is_blank(value):
        return None
    try:
        if isinstance(value, bool):
            raise ValueError(value)
        return float(value)
    except (TypeError, ValueError):
        raise DatasetError(f"{where}: {name!r} is {value!r}, not a number") from None


# --- JSON ----------------------------------------------------------------------------


def read_objects(text: str, source: str) -> list[Mapping[str, Any]]:
    """Return the objects of a JSON list, of an API's list object, or of JSON lines.

    Raises:
        DatasetError: it is none of these; the message has the line. Or it is one page of several.
    """
    content = json_of(text, source) if is_one_json(text) else json_lines(text, source)
    if isinstance(content, dict):
        if content.get("has_more") is True:
            raise DatasetError(
                f"{source}: is one page of several ('has_more' is true): ask for more at once "
                "(?limit=100) and for what follows (?after=ID), and save all of it as one list"
            )
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
        cut = error.pos >= len(text.rstrip()) - 1 or error.msg.startswith("Unterminated")
        repair = "; the file is cut short: copy it again" if cut and text.strip() else ""
        raise DatasetError(f"{where}: not JSON: {error.msg}{repair}") from None
    except RecursionError:
        raise DatasetError(f"{source}: JSON is nested too deeply") from None
