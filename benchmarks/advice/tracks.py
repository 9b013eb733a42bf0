"""From the kept answers of a task's runs to a Track, as a study makes one from its journal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.advice.lints import lint_findings
from benchmarks.advice.tasks import Task
from benchmarks.advice.tuning import BASE, Run, Said, model_name
from harness.graders import make_grader
from harness.messages import content_text
from harness.pipeline.finished.read_back import leaked
from harness.pipeline.measuring.measurement import answers_by_model
from harness.pipeline.measuring.scores import mean_score
from harness.pipeline.measuring.track import Track
from harness.pipeline.orders.names import probe_name
from harness.pipeline.questions.evaluation import Question, ideal_marks
from harness.pipeline.questions.ideals import rejected_ideals
from harness.prompts import train_probe
from harness.records import Completion, Experiment, Outcome, Sample


def track_of(task: Task, runs: Sequence[Run]) -> Track:
    """Everything that the advisor may see of a task, and nothing else."""
    heldout = {sample.id: sample for sample in task.heldout}
    ideals = asyncio.run(ideal_marks(Question.of(task.spec), heldout.values()))
    rejected = rejected_ideals(task.spec, ideals)
    return Track(
        spec=task.spec,
        experiment=Experiment(task.name, (task.spec.name,), train_probe=task.probe),
        base=BASE,
        heldout=heldout,
        checkpoints=tuple(checkpoint for run in runs for checkpoint in run.checkpoints),
        answers=answers_by_model(asyncio.run(outcomes(task, runs))),
        probe={sample.id: sample for sample in train_probe(task.train, task.probe)},
        training_texts=tuple(content_text(e.messages[-1]["content"]) for e in task.train),
        curves={run.seed: run.losses for run in runs},
        leaked=frozenset(leaked(task.train, heldout)),
        ideal_score=mean_score(ideals.marks),
        findings=(*([rejected] if rejected else []), *lint_findings(task)),
    )


async def outcomes(task: Task, runs: Sequence[Run]) -> list[Outcome]:
    """Journal lines: every answer with its mark. All runs share the base model's."""
    marker = Marker(task)
    found = []
    for run in runs:
        for part, name, samples in parts(task):
            for epoch, said in enumerate(run.said[part]):
                if epoch or run is runs[0]:
                    model = model_name(task.name, run.seed, epoch)
                    found += [one async for one in marker.marked(name, model, samples, said)]
    return found


def parts(task: Task) -> Iterator[tuple[str, str, Sequence[Sample]]]:
    """Each part that the advisor sees, its name in a journal, and its samples."""
    yield "heldout", task.spec.name, task.heldout
    yield "probe", probe_name(task.spec.name), train_probe(task.train, task.probe)


class Marker:
    """Marks answers; what has been said before has been marked before."""

    def __init__(self, task: Task) -> None:
        self.grader = make_grader(task.spec)
        self.known: dict[tuple[str, str], Mapping] = {}  # type: ignore[type-arg]

    async def marked(self, name: str, model: str, samples: Sequence[Sample], said: Said):  # type: ignore[no-untyped-def]
        """The outcomes of one model on one part."""
        for sample, group in zip(samples, said, strict=True):
            for repeat, (text, cut) in enumerate(group):
                completion = Completion(text, "length" if cut else "stop")
                key = sample.id, text
                if key not in self.known:
                    self.known[key] = {"accuracy": await self.grader.grade(sample, completion)}
                yield Outcome(name, model, sample.id, repeat, "", completion, self.known[key])
