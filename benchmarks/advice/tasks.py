"""What a task of the validation study is, and how tasks are drawn by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from harness.records import EvalSpec, Message, Sample, Sampling, TrainingExample

Family = Literal["classification", "extraction", "generation"]
Half = Literal["tuning", "report"]

AHEAD = (2, 4, 8)
"""So many epochs after the last one from which advice is taken, the test set is asked again."""

HELDOUT, TEST = 100, 400
"""Samples of tasks with one answer: the advisor's own, and those of the oracle."""


@dataclass(frozen=True)
class Task:
    """One small tuning task.

    ``train`` are chats; the advisor sees ``heldout``, only the oracle sees ``test``. ``fault``
    names what was planted in the training or held-out data.
    """

    name: str
    family: Family
    spec: EvalSpec
    train: tuple[TrainingExample, ...]
    heldout: tuple[Sample, ...]
    test: tuple[Sample, ...]
    epochs: int
    probe: int = 100
    learning_rate_multiplier: float = 1.0
    fault: str = ""

    @property
    def half(self) -> Half:
        """Thresholds are tuned on the tasks of even number, and reported on the odd ones."""
        return "report" if int(self.name.rpartition("-")[2]) % 2 else "tuning"


@dataclass(frozen=True)
class Made:
    """What a generator makes: pairs of prompt and answers, and how they are asked and marked."""

    spec: EvalSpec
    train: list[tuple[list[Message], str]]
    heldout: list[tuple[list[Message], list[str]]]
    test: list[tuple[list[Message], list[str]]]
    epochs: int = 12
    probe: int = 100
    learning_rate_multiplier: float = 1.0


def task_of(name: str, family: Family, made: Made, fault: str = "") -> Task:
    """Number what was made."""
    return Task(
        name=name,
        family=family,
        spec=made.spec,
        train=tuple(example(*pair, line) for line, pair in enumerate(made.train, 1)),
        heldout=tuple(samples("heldout", made.heldout)),
        test=tuple(samples("test", made.test)),
        epochs=made.epochs,
        probe=made.probe,
        learning_rate_multiplier=made.learning_rate_multiplier,
        fault=fault,
    )


def example(prompt: list[Message], answer: str, line: int) -> TrainingExample:
    """One line of a training file."""
    return TrainingExample((*prompt, {"role": "assistant", "content": answer}), line)


def samples(part: str, pairs: list[tuple[list[Message], list[str]]]) -> Iterator[Sample]:
    """Samples by place."""
    for place, (prompt, ideals) in enumerate(pairs):
        yield Sample(f"{part}.{place:04}", tuple(prompt), tuple(ideals))


def asked(instruction: str, text: str) -> list[Message]:
    """A prompt with its instruction before it."""
    return [{"role": "system", "content": instruction}, {"role": "user", "content": text}]


def one_answer(grader: str, max_tokens: int) -> EvalSpec:
    """An eval of tasks with one ideal answer, decoded greedily."""
    sampling = Sampling(temperature=0, max_tokens=max_tokens)
    return EvalSpec(f"advice.{grader}", grader, Path("drawn"), sampling=sampling)


def listed(words: list[str]) -> str:
    """``a, b or c``."""
    return f"{', '.join(words[:-1])} or {words[-1]}"


def drawn(name: str) -> Random:
    """Every task draws from a stream of its own: one more task changes no other."""
    return Random(f"advice {name}")
