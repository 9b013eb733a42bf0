"""Random parts of the training data, to be tuned on like the whole."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.datasets.lines import objects
from harness.errors import DatasetError
from harness.pipeline.folder.runfolder import write_lines
from harness.records import Experiment

FEWEST_EXAMPLES = 10
"""What hosted jobs take at the least."""

HALF, QUARTER = 2, 4
NAMES = {HALF: "half", QUARTER: "quarter"}
KEYS = {HALF: "halves", QUARTER: "quarters"}


@dataclass(frozen=True, slots=True)
class DataPart:
    """One random half or quarter, and the epoch counts to judge after."""

    divisor: int
    number: int
    epochs: tuple[int, ...]

    @property
    def name(self) -> str:
        """``half-1``."""
        return f"{NAMES[self.divisor]}-{self.number}"

    def size(self, examples: int) -> int:
        """How many of so many examples it has."""
        return examples // self.divisor

    def seed(self, seeds: Sequence[int]) -> int:
        """The seed of its job: the experiment's own take turns."""
        return seeds[(self.number - 1) % len(seeds)]

    def picked(self, examples: int) -> list[int]:
        """The places of its examples, in the order of the file; always the same ones."""
        chance = random.Random(f"{self.name} of {examples}")
        return sorted(chance.sample(range(examples), self.size(examples)))


def divisor_of(name: str) -> int:
    """Which share of the data a part's name means."""
    kind = name.partition("-")[0]
    return next(divisor for divisor, known in NAMES.items() if known == kind)


def compared_epochs(experiment: Experiment) -> int:
    """After how many epochs the whole is compared with its parts."""
    if experiment.tuning is None or experiment.doubling is None:
        return 0
    return experiment.doubling.epochs or max(experiment.tuning.epochs)


def parts_of(experiment: Experiment) -> list[DataPart]:
    """The parts that an experiment tunes on; none where it does not ask for any."""
    asked, epochs = experiment.doubling, compared_epochs(experiment)
    if asked is None:
        return []
    counts = {HALF: asked.halves, QUARTER: asked.quarters}
    return [
        DataPart(divisor, number, (epochs, divisor * epochs) if asked.step_matched else (epochs,))
        for divisor, count in counts.items()
        for number in range(1, count + 1)
    ]


def check_parts(experiment: Experiment) -> None:
    """Whether the data can be divided.

    Raises:
        DatasetError: a part would have fewer examples than a job takes.
    """
    parts, path = parts_of(experiment), experiment.training_data
    if not parts or path is None:
        return
    examples = sum(1 for _ in objects(path))
    smallest = min(parts, key=lambda part: part.size(examples))
    if smallest.size(examples) < FEWEST_EXAMPLES:
        kind = NAMES[smallest.divisor]
        raise DatasetError(
            f"{path}: a {kind} of its {examples} examples is fewer than the {FEWEST_EXAMPLES} "
            f"that a job takes; leave out doubling's {KEYS[smallest.divisor]}, or add examples"
        )


def write_part(part: DataPart, training: Path, target: Path) -> Path:
    """Write a part of a training file.

    Raises:
        DatasetError: the training file cannot be read.
        RunFolderError: the part cannot be written.
    """
    lines = [value for _, value in objects(training)]
    return write_lines(target, [lines[place] for place in part.picked(len(lines))])
