"""Run folders of any size, written without asking anybody: a classification, honest in its shape.

Prompts are some 60 words, as support tickets are; answers are a label, now and then with a reason.
The base model is right four times in seven, tuned ones more often, each wrong elsewhere.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import orjson

from harness import __version__
from harness.datasets import file_hash
from harness.pipeline.folder.manifest import Manifest, Plan, portable
from harness.pipeline.folder.runfolder import RunFolder, open_folder
from harness.records import (
    Completion,
    EvalSpec,
    Experiment,
    Outcome,
    Score,
    Study,
    Usage,
)
from harness.running.journal import Journal

EVAL = "tickets.bench.v0"
LABELS = ("billing", "delivery", "returns", "account", "technical", "sales", "other")
WORDS = (
    *("parcel", "invoice", "please", "still", "the", "my", "order", "of", "was", "and", "never"),
    *("came", "again", "customer", "number", "twice", "paid", "account", "locked", "screen"),
    *("broken", "refund", "return", "label", "street", "Monday", "letter", "waiting", "since"),
)
CLUSTER_SIZE = 4
"""So many tickets come from one customer."""


@dataclass(frozen=True)
class Size:
    """How many samples, and how many models that were asked all of them."""

    samples: int
    models: int

    @property
    def names(self) -> list[str]:
        """The base model, then the tuned ones."""
        return ["base", *(f"tuned-{number}" for number in range(1, self.models))]


def write_folder(path: Path, size: Size) -> RunFolder:
    """Write a finished run of one eval: data, manifest and journal."""
    data = path.with_suffix(".jsonl")
    _write_samples(data, size.samples)
    spec = EvalSpec(name=EVAL, grader="match", samples=data.resolve())
    base, *tuned = size.names
    study = Study("compare", base, (Experiment("compare", (EVAL,), others=tuple(tuned)),))
    plan = Plan(study, (spec,), files={portable(data): file_hash(data)})
    manifest = Manifest(plan, f"harness compare {base} {' '.join(tuned)}", __version__)
    folder = open_folder(path, manifest)
    with Journal.open(folder.journal, manifest.hash) as journal:
        for number, name in enumerate(size.names):
            for outcome in _outcomes(name, number, size.samples):
                journal.append(outcome)
    return folder


def _label(number: int) -> str:
    return LABELS[number * 7919 % len(LABELS)]


def _write_samples(path: Path, count: int) -> None:
    words = random.Random(7)
    with path.open("wb") as file:
        for number in range(count):
            text = f"Ticket {number}: {' '.join(words.choices(WORDS, k=60))}."
            task = {"role": "system", "content": f"Choose one of: {', '.join(LABELS)}."}
            line = {
                "input": [task, {"role": "user", "content": text}],
                "ideal": _label(number),
                "cluster": f"customer-{number // CLUSTER_SIZE}",
            }
            file.write(orjson.dumps(line) + b"\n")


def _outcomes(model: str, place: int, count: int):
    luck = random.Random(place)
    right_share = 4 / 7 + 0.04 * place
    for number in range(count):
        ideal = _label(number)
        right = luck.random() < right_share
        label = ideal if right else luck.choice(LABELS)
        reason = f", because the {luck.choice(WORDS)} is meant" if luck.random() < 0.2 else ""
        yield Outcome(
            EVAL,
            model,
            f"tickets.bench.{number}",
            0,
            f"{place:08x}{number:024x}",
            Completion(label + reason, "stop", Usage(110, 4), 0.2 + luck.random()),
            {"accuracy": Score(float(label == ideal), label)},
        )
