"""The tasks of the study by name, and the order in which their runs are made."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple
from functools import cache
from itertools import product
from random import Random
from typing import get_args

import orjson

from benchmarks.advice.classification import classification
from benchmarks.advice.extraction import extraction
from benchmarks.advice.faults import FAULTS
from benchmarks.advice.generation import generation
from benchmarks.advice.tasks import AHEAD, Family, Made, Task, drawn, task_of

FAMILIES: Mapping[str, Callable[[Random], Made]] = {
    "classification": classification,
    "extraction": extraction,
    "generation": generation,
}
TASKS, FAULTY, SEEDS = 40, 6, (1, 2, 3)
"""Tasks of each family, tasks of each fault, and the seeds that each is trained with."""

RETIRED, RETIRED_FAULTY = 120, 18
"""Odd numbers below these were reported before, and looked at since: they report no more."""

assert set(FAMILIES) == set(get_args(Family))


@cache
def task(name: str) -> Task:
    """The task of a name: ``extraction-07``, ``flipped labels-03``."""
    kind, _, _ = name.rpartition("-")
    if kind in FAMILIES:
        return task_of(name, kind, FAMILIES[kind](drawn(name)))  # type: ignore[arg-type]
    fault = FAULTS[kind]
    return task_of(name, fault.family, fault.plant(drawn(name)), kind)


def names(tasks: int = TASKS, faulty: int = FAULTY) -> Iterator[str]:
    """All tasks, the first of every kind first: what is there of a study is always balanced."""
    for place in range(max(tasks, faulty)):
        is_reported = place % 2
        if place < tasks:
            number = place + RETIRED * is_reported
            yield from (f"{family}-{number:02}" for family in FAMILIES)
        if place < faulty:
            number = place + RETIRED_FAULTY * is_reported
            yield from (f"{fault}-{number:02}" for fault in FAULTS)


def runs(
    tasks: int = TASKS, faulty: int = FAULTY, seeds: Sequence[int] = SEEDS
) -> list[tuple[str, int]]:
    """Every run: a task's name and a seed."""
    return list(product(names(tasks, faulty), seeds))


@cache
def digest(name: str) -> str:
    """Changes with anything in the task that a run depends on."""
    made = task(name)
    parts = (
        [example.messages for example in made.train],
        [[astuple(sample) for sample in part] for part in (made.heldout, made.test)],
        [made.epochs, made.probe, made.learning_rate_multiplier, made.spec.args],
        [] if made.fault else AHEAD,
        astuple(made.spec.sampling),
    )
    return hashlib.blake2b(orjson.dumps(parts, default=str), digest_size=6).hexdigest()
