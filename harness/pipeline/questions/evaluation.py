"""A sample's journey: spec -> samples -> requests -> runner -> journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.datasets import (
    Reading,
    count_samples,
    read_few_shot,
    read_samples,
    samples_by_id,
)
from harness.graders import (
    PYTHON,
    Grader,
    Judge,
    make_grader,
    needs_code,
    needs_judge,
    probe_grader,
)
from harness.openai_evals.bridge_files import GRADER as BRIDGE
from harness.openai_evals.bridge_files import read_bridged_samples
from harness.pipeline.orders.alternatives import Aside
from harness.pipeline.orders.names import probe_name, prompt_name
from harness.pipeline.questions.ideals import IdealMarks, empty_ideals
from harness.prompts import build, drafts
from harness.records import Completion, Endpoint, EvalSpec, Finding, Messages, Sample
from harness.running.runner import Case


@dataclass(frozen=True, slots=True)
class Question:
    """One eval to ask: its samples, their grader, and how to word the requests.

    ``probe`` holds training prompts that are asked too, under ``probe_name``; there are none
    where a judge would mark the answers to them.
    """

    spec: EvalSpec
    grader: Grader
    probe: tuple[Sample, ...] = ()
    few_shot: Messages = ()
    endpoint: Endpoint = "chat"
    max_samples: int | None = None

    @classmethod
    def of(
        cls,
        spec: EvalSpec,
        *,
        probe: Sequence[Sample] = (),
        endpoint: Endpoint = "chat",
        max_samples: int | None = None,
        judge: Judge | None = None,
        allow_code: frozenset[str] = frozenset(),
    ) -> Question:
        """Check an eval's grader and worked examples before anything is asked.

        ``allow_code`` is the code that grading may run.

        Raises:
            HarnessError: an option, a file or a line that cannot be used.
        """
        shots = read_few_shot(spec.few_shot, spec.num_few_shot) if spec.few_shot else ()
        grader = make_grader(spec, judge, allow_code)
        asks = needs_judge(spec) and probe_grader(grader) is grader
        return cls(spec, grader, () if asks else tuple(probe), shots, endpoint, max_samples)

    @classmethod
    def answered(cls, spec: EvalSpec, max_samples: int | None) -> Question:
        """An eval whose answers are marked already: nobody is asked and no code is run."""
        return cls.of(spec, max_samples=max_samples, allow_code=frozenset({PYTHON}))

    @property
    def runs_itself(self) -> bool:
        """Whether its own class asks and marks, through the bridge."""
        return self.spec.grader == BRIDGE

    def samples(self) -> Iterator[Sample]:
        """The held-out samples, streamed; of an eval that runs itself those that it has met."""
        if self.runs_itself:
            return iter(read_bridged_samples(self.spec.samples).values())
        return read_samples(
            self.spec.samples,
            self.spec.name,
            Reading.of(self.spec, needs_ideal=self.grader.needs_ideal),
            max_samples=self.max_samples,
        )

    def samples_by_id(self) -> Mapping[str, Sample]:
        """The held-out samples to look up, in their order; those of a plain file are not held."""
        if self.runs_itself:
            return read_bridged_samples(self.spec.samples)
        return samples_by_id(
            self.spec.samples,
            self.spec.name,
            Reading.of(self.spec, needs_ideal=self.grader.needs_ideal),
            max_samples=self.max_samples,
        )

    def check(self) -> tuple[Finding, ...]:
        """Read every sample once, so that a broken line is found before the first call.

        Raises:
            DatasetError: the first line that cannot be used.
        """
        if self.runs_itself:
            return ()
        samples = self.samples()
        found = empty_ideals(self.spec, samples)
        for _ in samples:  # the rest, where there is nothing to find
            pass
        return (found,) if found else ()

    @property
    def size(self) -> int:
        """How many answers each model owes."""
        if self.runs_itself:
            return 0
        held = count_samples(self.spec.samples)
        if self.max_samples is not None:
            held = min(held, self.max_samples)
        return (held + len(self.probe)) * self.spec.answers_per_prompt

    @property
    def heldout_size(self) -> int:
        """How many answers a model owes that is asked nothing but held-out samples."""
        return self.size - len(self.probe) * self.spec.answers_per_prompt

    def aside_cases(self, aside: Aside) -> Iterator[Case]:
        """The requests to a model that is only compared with, in its own way of being asked."""
        if self.runs_itself:
            return
        if aside.prompt is None:
            yield from self._cases(self.spec.name, self.samples(), aside.model, self.grader)
            return
        name = prompt_name(self.spec.name, aside.prompt)
        shown = replace(self, few_shot=(*aside.shots, *self.few_shot))
        samples = (aside.asked(sample) for sample in self.samples())
        yield from shown._cases(name, samples, aside.model, self.grader)

    def cases(self, model: str) -> Iterator[Case]:
        """Every request of this eval to one model."""
        if self.runs_itself:
            return
        yield from self._cases(self.spec.name, self.samples(), model, self.grader)
        name = probe_name(self.spec.name)
        yield from self._cases(name, self.probe, model, probe_grader(self.grader))

    def _cases(
        self, name: str, samples: Iterable[Sample], model: str, grader: Grader
    ) -> Iterator[Case]:
        graders = {"accuracy": grader}
        for sample in samples:
            for repeat in range(self.spec.repeats):
                request = build(
                    sample,
                    self.spec,
                    model,
                    repeat,
                    few_shot=self.few_shot,
                    endpoint=self.endpoint,
                )
                parts = drafts(sample, self.spec, model, repeat, endpoint=self.endpoint)
                yield Case(name, sample, request, graders, parts)


def all_cases(questions: Sequence[Question], models: Sequence[str]) -> Iterator[Case]:
    """Every request of every eval, model by model."""
    for model in models:
        for question in questions:
            yield from question.cases(model)


async def ideal_marks(question: Question, samples: Iterable[Sample]) -> IdealMarks:
    """What the grader gives the ideal answers themselves: anything but 1 spoils the eval."""
    found = IdealMarks()
    grader = probe_grader(question.grader)
    asks = needs_judge(question.spec) and grader is question.grader
    if asks or needs_code(question.spec):
        return found
    for sample in samples:
        for ideal in sample.ideal[:1]:
            score = await grader.grade(sample, Completion(ideal))
            if score.value is not None:
                found.add(sample.id, score.value)
    return found
