"""Early stopping: samples are asked in blocks, in random order, until a policy's gate is decided.

Two ways keep the error rates that a policy promises although one looks several times: a planned
number of looks (O'Brien-Fleming levels), or a look at any time (e-process).
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import orjson

from harness.datasets import ordered
from harness.errors import RunFolderError, UsageError
from harness.pipeline.orders.names import PROBE_SUFFIX
from harness.pipeline.questions.evaluation import Question
from harness.records import Finding, Gate, Outcome, Study
from harness.running.runner import Case, Observer, Tally

FILE = "looks.jsonl"
ANY_TIME = 0
"""Stands for looks at any time where a number of looks is expected."""

ANY_TIME_LOOKS = 20
LEAST_BLOCK = 10


@dataclass(frozen=True, slots=True)
class Look:
    """One look: its number of how many, the samples asked until then, its level.

    ``level`` replaces the policy's alpha; with ``any_time`` that stays and the test is another.
    """

    number: int
    of: int
    level: float
    samples: Mapping[str, int]
    offered: Mapping[str, int]
    any_time: bool = False

    @property
    def is_last(self) -> bool:
        """Whether everything was asked."""
        return self.number == self.of

    def finding(self) -> Finding:
        """What a report says about it."""
        asked, whole = sum(self.samples.values()), sum(self.offered.values())
        how = "looking at any time" if self.any_time else f"look {self.number} of {self.of}"
        if self.is_last:
            text = f"the gate was watched ({how}); all samples were asked"
        else:
            text = (
                f"stopped early, the gate was decided ({how}): {asked:,} of {whole:,} samples "
                "were asked; intervals after an early stop lean towards the decision"
            )
        return Finding("looks", "info", text, {"asked": asked, "of": whole})


def check_can_stop(
    study: Study, questions: Mapping[str, Sequence[Question]], *, batch: bool = False
) -> None:
    """Whether a study can be stopped by its gate.

    Raises:
        UsageError: no policy, a choice among several models, or evals asked in no blocks.
    """
    if study.policy is None:
        raise UsageError("--looks and --any-time need a policy to decide by; name one: --policy")
    if batch:
        raise UsageError("--batch asks for everything at once: leave out --looks and --any-time")
    for experiment in study.experiments:
        if experiment.tuning or len(experiment.tuned) + len(experiment.others) > 1:
            raise UsageError(
                "--looks and --any-time decide about one tuned model; compare the others later"
            )
    for question in (q for asked in questions.values() for q in asked):
        if question.runs_itself:
            raise UsageError(f"{question.spec.name} asks by itself: leave out --looks, --any-time")


def schedule(questions: Sequence[Question], looks: int, alpha: float) -> Iterator[Look]:
    """The looks to take: equal shares of every eval's samples."""
    from harness.analysis.stats import look_levels

    offered = {q.spec.name: len(q.samples_by_id()) for q in questions}
    largest = max(offered.values(), default=0)
    any_time = looks == ANY_TIME
    of = max(1, min(ANY_TIME_LOOKS, largest // LEAST_BLOCK)) if any_time else looks
    levels = (alpha,) * of if any_time else look_levels(of, alpha)
    for number, level in enumerate(levels, 1):
        samples = {name: math.ceil(count * number / of) for name, count in offered.items()}
        yield Look(number, of, level, samples, offered, any_time)


def in_order(ids: Sequence[str]) -> list[str]:
    """Ids in the random order in which they are asked: the seeded one of OpenAI evals."""
    return [ids[index] for index in ordered(len(ids))]


# --- asking --------------------------------------------------------------------------

Ask = Callable[[Iterator[Case], Observer | None], Awaitable[Tally]]


async def asked_until_decided(
    looks: Sequence[Look],
    groups: Sequence[tuple[Sequence[Question], Sequence[str]]],
    ask: Ask,
    decide: Callable[[Look], Gate],
    observer: Observer | None,
) -> Tally:
    """Ask block by block, every model the same samples, and stop when the gate is decided.

    ``groups`` are questions and the models to ask them; ``decide`` reads the answers so far.
    """
    so_far = Tally()
    before: Look | None = None
    for look in looks:
        cases = _block(groups, before, look)
        tally = await ask(cases, _Summing(observer, so_far) if observer else None)
        so_far = summed(so_far, tally)
        gate = await asyncio.to_thread(decide, look)
        if gate.outcome in ("pass", "fail"):
            break
        before = look
    return so_far


def _block(
    groups: Sequence[tuple[Sequence[Question], Sequence[str]]], before: Look | None, look: Look
) -> Iterator[Case]:
    """The cases of the samples between two looks; training prompts come with the first."""
    for questions, models in groups:
        for question in questions:
            name = question.spec.name
            ids = in_order(list(question.samples_by_id()))
            known = before.samples[name] if before else 0
            block = frozenset(ids[known : look.samples[name]])
            for model in models:
                for case in question.cases(model):
                    is_probe = case.eval.endswith(PROBE_SUFFIX)
                    if (before is None) if is_probe else case.sample.id in block:
                        yield case


def summed(first: Tally, second: Tally) -> Tally:
    """The totals of two parts of one run."""
    total = Tally()
    for one in fields(Tally):
        a, b = getattr(first, one.name), getattr(second, one.name)
        if isinstance(a, (int, float, Counter)):
            setattr(total, one.name, a + b)
    return total


@dataclass(frozen=True, slots=True)
class _Summing:
    """Shows an observer the totals of the whole run."""

    observer: Observer
    so_far: Tally

    def observe(self, outcome: Outcome, tally: Tally) -> None:
        self.observer.observe(outcome, summed(self.so_far, tally))


# --- the folder ----------------------------------------------------------------------


def note(look: Look, folder: Path) -> None:
    """Write down a look before it is taken, so that the folder knows how it is to be read."""
    try:
        with (folder / FILE).open("ab") as file:
            file.write(orjson.dumps(asdict(look)) + b"\n")
    except OSError as error:
        raise RunFolderError(f"{folder / FILE}: cannot be written: {error.strerror}") from error


def last_look(folder: Path) -> Look | None:
    """The last look of a run folder; None where nobody looked before the end.

    Raises:
        RunFolderError: a line that is none.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        lines = path.read_bytes().splitlines()
        return Look(**orjson.loads(lines[-1]))
    except (OSError, ValueError, TypeError, IndexError) as error:
        raise RunFolderError(f"{path}: cannot be read; begin anew with --overwrite") from error
