"""Marks on answers that were given before: a journal's lines under other graders, in shards."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.datasets import read_training
from harness.errors import BadResponse, HarnessError, RunFolderError
from harness.graders import Grader, Judge, make_grader, needs_judge, of_repeat, probe_grader
from harness.models.base import AlwaysOpen
from harness.pipeline.folder.manifest import Plan
from harness.pipeline.orders.names import probe_name, prompt_name
from harness.pipeline.questions.evaluation import Question
from harness.prompts import train_probe
from harness.records import Completion, EvalSpec, Outcome, Request, Sample, Score
from harness.running.journal import Contents
from harness.running.lines import line_of


class Said(AlwaysOpen):
    """A judge that says again what it said before, in the same order."""

    def __init__(self) -> None:
        self._left: list[Completion] = []

    def about(self, outcome: Outcome) -> None:
        """From now on what was said about this answer."""
        self._left = [said for score in outcome.scores.values() for said in score.judged]

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        """The next thing that was said.

        Raises:
            BadResponse: no more was said.
        """
        if not self._left:
            raise BadResponse("the run holds no judgement of it; run the eval again to get one")
        return (self._left.pop(0),)


SHARD = 2_000
"""Answers that are marked before they are written."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Some answers of one model, by their offsets in the run's journal; ``asked`` is how."""

    spec: EvalSpec
    asked: str
    offsets: array[int]


@dataclass(frozen=True, slots=True)
class Marked:
    """A shard's new lines, how many answers were marked, and how many marks are others now."""

    asked: str
    lines: tuple[bytes, ...]
    marked: int
    changed: int


def shards_of(contents: Contents, plan: Plan) -> Iterator[Shard]:
    """All answers to the plan's evals, in the order they are written."""
    for spec in plan.evals:
        for name in _names(spec, plan):
            for model in [model for asked, model in contents.offsets if asked == name]:
                offsets = contents.offsets[name, model]
                for start in range(0, len(offsets), SHARD):
                    yield Shard(spec, name, offsets[start : start + SHARD])


@dataclass(eq=False)
class Marker:
    """Marks shards of a journal; graders and samples are made once, where it works."""

    journal: Path
    plan: Plan
    judge: str
    allow_code: frozenset[str]
    _said: Said = field(init=False, repr=False)
    _graders: dict[str, Grader] = field(init=False, default_factory=dict, repr=False)
    _asked: dict[str, Mapping[str, Sample]] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._said = Said()

    def __getstate__(self) -> tuple[Path, Plan, str, frozenset[str]]:
        return self.journal, self.plan, self.judge, self.allow_code

    def __setstate__(self, state: tuple[Path, Plan, str, frozenset[str]]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def check(self) -> None:
        """Make every grader once, before anything is written.

        Raises:
            RegistryError: one cannot be made.
        """
        for spec in self.plan.evals:
            self._grader(spec)

    def __call__(self, shard: Shard) -> Marked:
        """The shard under the marks of today.

        Raises:
            RunFolderError: an answer to a sample that is not there, or a broken line.
        """
        contents = Contents.known(self.journal)
        pairs = asyncio.run(self._pairs(shard, map(contents.outcome_at, shard.offsets)))
        return Marked(
            shard.asked,
            tuple(line_of(new) for _, new in pairs),
            sum(new.completion is not None for _, new in pairs),
            sum(_marks(new) != _marks(old) for old, new in pairs),
        )

    async def _pairs(
        self, shard: Shard, outcomes: Iterable[Outcome]
    ) -> list[tuple[Outcome, Outcome]]:
        grader = self._grader(shard.spec)
        if shard.asked == probe_name(shard.spec.name):
            grader = probe_grader(grader)
        samples = self._samples(shard)
        found = []
        for outcome in outcomes:
            self._said.about(outcome)
            sample = _sample_of(outcome, samples, shard.spec)
            found.append(
                (outcome, await _marked(outcome, sample, of_repeat(grader, outcome.repeat)))
            )
        return found

    def _grader(self, spec: EvalSpec) -> Grader:
        if spec.name not in self._graders:
            judge = Judge(self._said, self.judge) if needs_judge(spec) else None
            self._graders[spec.name] = make_grader(spec, judge, self.allow_code)
        return self._graders[spec.name]

    def _samples(self, shard: Shard) -> Mapping[str, Sample]:
        if shard.asked not in self._asked:
            self._asked = dict(_samples(shard.spec, self.plan))  # one eval's at a time
        return self._asked[shard.asked]


def _names(spec: EvalSpec, plan: Plan) -> Iterator[str]:
    """The names under which an eval was asked."""
    yield spec.name
    yield from (prompt_name(spec.name, prompt) for prompt in _prompts(spec, plan))
    asked = (one for one in plan.study.experiments if spec.name in one.evals)
    if any(one.training_data is not None for one in asked):
        yield probe_name(spec.name)


def _samples(spec: EvalSpec, plan: Plan) -> Iterator[tuple[str, Mapping[str, Sample]]]:
    """What the eval was asked: held-out samples, and training prompts under their own name."""
    heldout = Question.answered(spec, plan.max_samples).samples_by_id()
    yield spec.name, heldout
    for prompt in _prompts(spec, plan):
        yield prompt_name(spec.name, prompt), heldout
    probe: dict[str, Sample] = {}
    for experiment in plan.study.experiments:
        if experiment.training_data is not None and spec.name in experiment.evals:
            learned = read_training(experiment.training_data)
            probe |= {s.id: s for s in train_probe(learned, experiment.train_probe)}
    if probe:
        yield probe_name(spec.name), probe


def _prompts(spec: EvalSpec, plan: Plan) -> Iterator[str]:
    """The other prompts that an eval was asked with, each once."""
    asked = [one for one in plan.study.experiments if spec.name in one.evals]
    names = [prompt.name for one in asked for prompt in one.prompts]
    names += [one.instead_of.prompt.name for one in asked if one.instead_of]
    yield from dict.fromkeys(names)


def _sample_of(outcome: Outcome, samples: Mapping[str, Sample], spec: EvalSpec) -> Sample:
    try:
        return samples[outcome.sample_id]
    except KeyError as error:
        raise RunFolderError(
            f"{outcome.model} answered {outcome.sample_id} of {outcome.eval}, which "
            f"{spec.samples} does not hold (any more); restore the file"
        ) from error


async def _marked(outcome: Outcome, sample: Sample, grader: Grader) -> Outcome:
    """The outcome with the grader's mark; one that failed stays as it is."""
    if outcome.completion is None or outcome.failure is not None:
        return outcome
    try:
        score = await grader.grade(sample, outcome.completion)
    except HarnessError as error:
        score = Score(None, reason=str(error))
    name = next(iter(outcome.scores), "accuracy")
    return replace(outcome, scores={name: score})


def _marks(outcome: Outcome) -> list[float | None]:
    return [score.value for score in outcome.scores.values()]
