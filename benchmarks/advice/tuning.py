"""One run: a task tuned with one seed to its last epoch, and every checkpoint asked.

The learning rate is constant, so the checkpoint of epoch k is the run of k epochs. What the
advisor may see (held-out samples and training prompts) is kept as text and marked later by the
code of a study; of the test set only marks and variety are kept.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from benchmarks.advice.decoding import answers
from benchmarks.advice.tasks import AHEAD, Task
from harness.analysis.diversity import PRIMARY, compare_diversity
from harness.embedded.checkpoint import load_base
from harness.embedded.network import Network
from harness.embedded.recipes import LEARNING_RATE
from harness.embedded.tokenizer import Tokenizer
from harness.embedded.training import EpochReport, Hyperparameters, finetune
from harness.graders import Grader, make_grader
from harness.messages import Message
from harness.pipeline.measuring.variety import expected_rows
from harness.prompts import train_probe
from harness.records import Checkpoint, Completion, Sample

BASE = "tiny-base"
PARTS = ("heldout", "probe")
Said = list[list[tuple[str, bool]]]
"""By sample, the text of every answer and whether it was cut."""


@dataclass(frozen=True)
class Run:
    """What one line of the results file holds.

    ``said`` holds the answers to each part by epoch (0: the base model), ``test`` the mark of
    each test sample by epoch, ``variety`` the lowest ratio of diversity to the references there;
    both end with the ``later`` epochs, of which nothing else is known.
    """

    task: str
    seed: int
    checkpoints: tuple[Checkpoint, ...]
    losses: tuple[float, ...]
    said: Mapping[str, Sequence[Said]]
    test: Sequence[Sequence[float]]
    variety: Sequence[float | None]
    cpu_s: float = 0.0

    @property
    def key(self) -> tuple[str, int]:
        """Which run it is."""
        return self.task, self.seed

    @property
    def later(self) -> tuple[int, ...]:
        """The epochs after the last one from which advice is taken."""
        last = len(self.checkpoints)
        return tuple(last + ahead for ahead in AHEAD[: len(self.test) - 1 - last])

    @property
    def line(self) -> bytes:
        """The run as JSON; texts are packed, for they are many."""
        fields = asdict(self)
        fields["said"] = zlib.compress(orjson.dumps(self.said), 6).hex()
        return orjson.dumps(fields, option=orjson.OPT_SERIALIZE_NUMPY)

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Run:
        """Read what ``line`` wrote."""
        fields["said"] = orjson.loads(zlib.decompress(bytes.fromhex(fields["said"])))
        fields["checkpoints"] = tuple(Checkpoint(**each) for each in fields["checkpoints"])
        return cls(**fields)


def tuned(task: Task, seed: int) -> Run:
    """Tune and ask, from the base model to the last epoch."""
    began = time.process_time()
    tokenizer, base = load_base()
    asker = Asker(task, tokenizer, seed)
    asker.ask(base, 0)
    checkpoints, losses = [], []
    for report in reports(task, seed, tokenizer, base):
        if len(checkpoints) == task.epochs:
            if isinstance(report, EpochReport) and report.epoch - task.epochs in AHEAD:
                asker.ask_test(report.network, report.epoch)
        elif isinstance(report, EpochReport):
            checkpoints.append(checkpoint_of(task, seed, report))
            asker.ask(report.network, report.epoch)
        else:
            losses.append(report.train_loss)
    return Run(
        task=task.name,
        seed=seed,
        checkpoints=tuple(checkpoints),
        losses=tuple(round(loss, 5) for loss in losses),
        said=asker.said,
        test=asker.marks,
        variety=asker.variety,
        cpu_s=round(time.process_time() - began, 2),
    )


def reports(task: Task, seed: int, tokenizer: Tokenizer, base: Network) -> Iterator[Any]:
    """Training as the embedded server does it, with the held-out set for validation.

    It goes on for the epochs that say whether more would help, where any can.
    """
    hyperparameters = Hyperparameters(
        epochs=task.epochs + (0 if task.fault else AHEAD[-1]),
        learning_rate=LEARNING_RATE * task.learning_rate_multiplier,
        seed=seed,
    )
    examples = [example.messages for example in task.train]
    return finetune(base, tokenizer, examples, hyperparameters, validation(task))


def validation(task: Task) -> list[Sequence[Message]]:
    """Held-out samples as chats, with their first ideal."""
    return [
        (*sample.messages, {"role": "assistant", "content": sample.ideal[0]})
        for sample in task.heldout
    ]


def checkpoint_of(task: Task, seed: int, report: EpochReport) -> Checkpoint:
    """What the training says of an epoch."""
    return Checkpoint(
        model=model_name(task.name, seed, report.epoch),
        epoch=report.epoch,
        step=report.step,
        seed=seed,
        train_loss=report.train_loss,
        valid_loss=report.valid_loss,
        train_token_accuracy=report.train_token_accuracy,
        valid_token_accuracy=report.valid_token_accuracy,
    )


def model_name(task: str, seed: int, epoch: int) -> str:
    """The checkpoint of an epoch."""
    return f"{task}:seed-{seed}:epoch-{epoch}" if epoch else BASE


class Asker:
    """Asks a network everything, epoch by epoch, and keeps what is needed."""

    def __init__(self, task: Task, tokenizer: Tokenizer, seed: int) -> None:
        self.task, self.tokenizer, self.seed = task, tokenizer, seed
        self.grader = make_grader(task.spec)
        self.parts = {"heldout": task.heldout, "probe": train_probe(task.train, task.probe)}
        self.said: dict[str, list[Said]] = {part: [] for part in PARTS}
        self.marks: list[list[float]] = []
        self.variety: list[float | None] = []

    def ask(self, network: Network, epoch: int) -> None:
        """Ask one checkpoint; the base model says the same whatever the seed."""
        for part, samples in self.parts.items():
            found = self._answers(network, samples, part, epoch)
            cut = [[(c.text, c.finish_reason == "length") for c in group] for group in found]
            self.said[part].append(cut)
        self.ask_test(network, epoch)

    def ask_test(self, network: Network, epoch: int) -> None:
        """What only the oracle sees."""
        found = self._answers(network, self.task.test, "test", epoch)
        self.marks.append(marks(self.grader, self.task.test, found))
        is_open = self.task.spec.task == "open"
        self.variety.append(variety(self.task.test, found) if is_open else None)

    def _answers(
        self, network: Network, samples: Sequence[Sample], part: str, epoch: int
    ) -> list[list[Completion]]:
        stream = (*part.encode(), epoch, self.seed if epoch else 0)
        return answers(network, self.tokenizer, samples, self.task.spec.sampling, stream)


def marks(
    grader: Grader, samples: Sequence[Sample], found: Sequence[Sequence[Completion]]
) -> list[float]:
    """The mean mark of every sample's answers; an answer without a mark counts as wrong."""

    async def all_marks() -> list[float]:
        return [
            sum([(await grader.grade(sample, said)).value or 0.0 for said in group]) / len(group)
            for sample, group in zip(samples, found, strict=True)
        ]

    return asyncio.run(all_marks())


def variety(samples: Sequence[Sample], found: Sequence[Sequence[Completion]]) -> float | None:
    """The lowest ratio of the answers' diversity to that of the reference answers."""
    compared = compare_diversity(
        [[said.text for said in group] for group in found],
        [list(sample.ideal) for sample in samples],
        PRIMARY,
        across=False,
    )
    rows = expected_rows([compared]).values()
    return min((row.ratio.value for row in rows), default=None)
