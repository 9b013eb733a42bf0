"""Reads tables of metrics: a W&B export, a logger's CSV, a trainer's log as a table.

Rows are those of a CSV, the objects of a JSON list, of JSON lines, or the columns of one JSON
object, as pandas writes them. A column is known by its name; the first known name that holds a
value counts for the whole table. Pure: text in.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import DatasetError
from harness.finetuning.curves import (
    METRICS,
    Curve,
    Names,
    TrainingStep,
    epoch_in,
    is_blank,
    is_one_json,
    json_lines,
    json_of,
    names_in_use,
    number_in,
    step_of,
)
from harness.finetuning.states import merged

Row = Mapping[str, Any]

STEPS = (
    "train/global_step",
    "trainer/global_step",
    "global_step",
    "step",
    "current_steps",
    "_step",
)
EPOCHS = ("train/epoch", "eval/epoch", "epoch")
WHOLE_SET = "full_valid_"
"""Columns with this name hold the whole validation set, measured at the ends of epochs."""

NAMES: Names = {
    "train_loss": (
        *("train/loss", "loss", "train_loss", "training loss", "training_loss", "loss/train"),
    ),
    "train_token_accuracy": (
        *("train/mean_token_accuracy", "mean_token_accuracy", "train_mean_token_accuracy"),
        *("train/token_accuracy", "train/accuracy", "train_accuracy"),
        *("training_token_accuracy",),
    ),
    "valid_loss": (
        *("full_valid_loss", "eval/loss", "eval_loss", "valid_loss", "valid/loss", "val/loss"),
        *("val_loss", "validation_loss", "validation/loss", "validation loss", "loss/val"),
    ),
    "valid_token_accuracy": (
        *("full_valid_mean_token_accuracy", "eval/mean_token_accuracy"),
        *("eval_mean_token_accuracy", "eval/token_accuracy", "valid_mean_token_accuracy"),
        *("validation_mean_token_accuracy", "valid/mean_token_accuracy", "valid_accuracy"),
        *("validation_token_accuracy", "valid_token_accuracy"),
        *("eval/accuracy", "eval_accuracy", "val/accuracy", "val_accuracy"),
    ),
}
"""Our metric -> its names in lower case, a step's loss before the mean of a whole run."""

EXPECTED = "expected a job's result file, a trainer's log or a W&B export"

RUNS = ("run", "run_id", "run_name", "run.id", "run.name", "run name", "run id")
"""Columns that tell the runs of a long table apart."""

OF_A_RANGE = ("__min", "__max")
"""How W&B ends the names of the columns that bound a smoothed one."""


@dataclass(frozen=True, slots=True)
class Table:
    """A run's metrics: its curve, the epochs by step where a column has them.

    ``whole_set`` says whether the validation numbers come from the ends of epochs.
    """

    curve: Curve
    epochs: Mapping[int, float]
    whole_set: bool = False


def read_table(text: str, source: str) -> Table:
    """Return a table of metrics.

    Raises:
        DatasetError: it is none, has no column of steps or losses, or holds several runs.
    """
    rows = dict(rows_of(text, source))
    if not rows:
        raise DatasetError(f"{source}: no rows of metrics in it; {EXPECTED}")
    for name in RUNS:
        refuse_several({str(row[name]) for row in rows.values() if row.get(name)}, source)
    columns = {name for row in rows.values() for name in row}
    names = names_in_use(rows.values(), NAMES)
    if not columns.intersection(STEPS):
        raise DatasetError(f"{source}: no column of steps; {shown('step', columns)}")
    if not names["train_loss"] and not names["valid_loss"]:
        raise DatasetError(f"{source}: no column of losses; {shown('train_loss', columns)}")
    steps: list[TrainingStep] = []
    epochs: dict[int, float] = {}
    is_padding = padding_of(rows.values(), names)
    for where, row in rows.items():
        number = first_of(row, STEPS, where)
        if not number:  # rows without a step, and what was measured before training
            continue
        known = {key: value for key, value in row.items() if not is_padding(value)}
        step = step_of({**known, "step": number}, where, names)
        if all(getattr(step, metric) is None for metric in METRICS):
            continue
        steps.append(step)
        epoch = epoch_in(known, EPOCHS, where)
        if epoch is not None:
            epochs[step.step] = epoch
    whole_set = any(name.startswith(WHOLE_SET) for name in names["valid_loss"])
    return Table(merged(steps), ends_of_counted(epochs), whole_set)


def ends_of_counted(epochs: Mapping[int, float]) -> Mapping[int, float]:
    """Return the epochs trained by step, also where a logger counts the running epoch from 0.

    Lightning does: the last step of its epoch 0 is one epoch of training.
    """
    running = set(epochs.values())
    if 0 not in running or len(running) < 2 or any(epoch % 1 for epoch in running):
        return epochs
    return {max(s for s in epochs if epochs[s] == epoch): epoch + 1 for epoch in sorted(running)}


def first_of(row: Row, names: Sequence[str], where: str) -> float | None:
    """Return the first number that a row has under some names."""
    numbers = (number_in(row, name, where) for name in names)
    return next((n for n in numbers if n is not None and not math.isnan(n)), None)


def is_nan(value: object) -> bool:
    """Whether a value is a bare NaN; the word is what a logger writes for a loss that broke."""
    return isinstance(value, float) and math.isnan(value)


def is_nan_or_its_word(value: object) -> bool:
    """Whether a value is a NaN, bare or as a word."""
    return is_nan(value) or (isinstance(value, str) and value.strip().lower() == "nan")


def padding_of(rows: Iterable[Row], names: Names) -> Callable[[object], bool]:
    """Return how to tell the NaN of a table that stand for blank cells: some have numbers beside.

    The word is one of them only where no cell is left blank, as in a CSV that pandas filled.
    """
    used = [name for theirs in names.values() for name in theirs]
    cells = [[row.get(name) for name in used] for row in rows]
    is_filled = not any(is_blank(value) for row in cells for value in row)
    is_padding = is_nan_or_its_word if is_filled else is_nan
    for row in cells:
        known = [is_padding(value) for value in row if not is_blank(value)]
        if any(known) and not all(known):
            return is_padding
    return lambda value: False


def shown(wanted: str, columns: Iterable[str]) -> str:
    """Return the repair for a table without a column: what there is, and what was looked for."""
    there = ", ".join(repr(name) for name in sorted(columns)[:8])
    return f"{EXPECTED} with {wanted!r} or the like, found {there or 'no columns'}"


# --- rows ----------------------------------------------------------------------------


def rows_of(text: str, source: str) -> Iterator[tuple[str, Row]]:
    """Every row by its place, with the names of its columns in lower case."""
    start = text.lstrip("\ufeff \r\n")
    found = json_rows(start, source) if start[:1] in ("{", "[") else csv_rows(start, source)
    headings: dict[str, str] = {}
    runs: set[str] = set()
    for where, row in found:
        yield where, {metric: row[key] for key, metric in heads(row, headings, runs, source)}


def heads(row: Row, headings: dict[str, str], runs: set[str], source: str) -> list[tuple[str, str]]:
    """Return a row's columns with their metrics; W&B puts a run's name in front of one."""
    for key in row:
        if key in headings:
            continue
        run, _, metric = key.rpartition(" - ")
        headings[key] = metric.strip().lower()
        runs |= {run.strip()} - {""}
    refuse_several(runs, source)
    return [(key, headings[key]) for key in row if not headings[key].endswith(OF_A_RANGE)]


def refuse_several(runs: Collection[str], source: str) -> None:
    """Refuse a table of several runs: their curves do not continue one another."""
    if len(runs) > 1:
        names = ", ".join(sorted(runs)[:4])
        raise DatasetError(f"{source}: holds {len(runs)} runs ({names}); export one of them")


def csv_rows(text: str, source: str) -> Iterator[tuple[str, Row]]:
    """Every row of a CSV by its line; one without commas in its head has semicolons or tabs."""
    head = text.partition("\n")[0]
    delimiter = next((mark for mark in ",;\t" if mark in head), ",")
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    try:
        for row in reader:
            where = f"{source}:{reader.line_num}"
            if None in row or None in row.values():
                raise DatasetError(f"{where}: not as many cells as columns; export the file again")
            yield where, row
    except csv.Error as error:
        raise DatasetError(f"{source}:{reader.line_num}: not a CSV: {error}") from None


def json_rows(text: str, source: str) -> Iterator[tuple[str, Row]]:
    """Every object of a list, of lines, or of columns by index."""
    content = json_of(text, source) if is_one_json(text) else json_lines(text, source)
    if isinstance(content, dict):
        listed = next((v for k in ("history", "data", "rows") if (v := content.get(k))), None)
        content = listed if listed is not None else content
    if isinstance(content, dict):
        content = rows_of_columns(content, source)
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise DatasetError(f"{source}: expected a list of objects, one a step")
    for position, row in enumerate(content, start=1):
        yield f"{source}: row {position}", row


def rows_of_columns(columns: Mapping[str, Any], source: str) -> list[Row]:
    """Return the rows of an object that has a column under every name."""
    lists = {
        name: list(column.values()) if isinstance(column, dict) else column
        for name, column in columns.items()
    }
    known = {name: column for name, column in lists.items() if isinstance(column, list)}
    if not known or len({len(column) for column in known.values()}) > 1:
        raise DatasetError(f"{source}: no history of steps in it; {shown('train/loss', columns)}")
    return [dict(zip(known, values, strict=True)) for values in zip(*known.values(), strict=True)]
