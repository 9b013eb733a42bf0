"""One run of another tool: one model's marked answers to one eval."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from harness.errors import DatasetError
from harness.records import EvalSpec, Outcome, Sample, Sampling

IMPORTED = "imported_from"
"""The option of an eval in a run folder that says which tool ran and marked it."""

DATA = "data"
"""The field of a sample's metadata that says by a hash which item of the data it is.

Two runs with equal hashes met the same item, whatever words a template put around it.
"""

SCORE = "accuracy"
"""The name of an eval's own mark in outcomes."""


@dataclass(frozen=True, slots=True)
class ForeignRun:
    """What another tool's log tells of one model and one eval.

    ``made`` sorts the runs of one eval by when they were made. ``ended`` says whether the run
    came to its end; ``notes`` what was passed over.
    """

    path: Path
    tool: str
    model: str
    spec: EvalSpec
    samples: Mapping[str, Sample]
    outcomes: tuple[Outcome, ...]
    made: str = ""
    ended: bool = True
    notes: tuple[str, ...] = ()


def data_hash(*parts: Any) -> str:
    """A short hash of one item of somebody's data."""
    text = orjson.dumps(parts, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def finite(value: Any) -> float | None:
    """A number or truth value that is finite, as a float."""
    if not isinstance(value, bool | int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


SAMPLING: Mapping[str, str] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "max_tokens",
    "max_gen_toks": "max_tokens",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "seed": "seed",
}
"""What other tools call sampling parameters, and what they are called here."""

WHOLE = frozenset({"max_tokens", "seed"})


def sampling_of(config: Mapping[str, Any]) -> Sampling:
    """How answers were sampled, as far as a configuration says so in numbers."""
    found: dict[str, Any] = {}
    for theirs, ours in SAMPLING.items():
        value = finite(config.get(theirs))
        if value is not None and not isinstance(config[theirs], bool):
            found[ours] = int(value) if ours in WHOLE else value
    return Sampling(**found)


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def newest(runs: list[ForeignRun]) -> list[ForeignRun]:
    """The runs without those that a later run of the same model and eval replaced.

    Raises:
        DatasetError: there is none.
    """
    if not runs:
        raise DatasetError("no run to read")
    latest: dict[tuple[str, str], ForeignRun] = {}
    older: dict[tuple[str, str], int] = {}
    for run in sorted(runs, key=lambda run: run.made):
        key = (run.model, run.spec.name)
        older[key] = older.get(key, -1) + 1
        latest[key] = run
    return [_noted(run, older[key]) for key, run in latest.items()]


def _noted(run: ForeignRun, older: int) -> ForeignRun:
    if not older:
        return run
    note = f"{older} older run{'s' if older > 1 else ''} of {run.spec.name} left out"
    return replace(run, notes=(*run.notes, note))
