"""A run marked anew: today's graders on the answers that its journal holds; nobody is asked."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from harness import __version__
from harness.datasets import read_training
from harness.errors import BadResponse, HarnessError, RegistryError, RunFolderError, UsageError
from harness.graders import Grader, Judge, make_grader, needs_judge, of_repeat, probe_grader
from harness.models.base import AlwaysOpen
from harness.openai_evals.bridge_files import GRADER as BRIDGE
from harness.pipeline.evaluation import Question
from harness.pipeline.manifest import Manifest, Plan
from harness.pipeline.runfolder import RunFolder, check_files, open_folder
from harness.pipeline.track import probe_name, prompt_name
from harness.prompts import train_probe
from harness.records import Completion, EvalSpec, Outcome, Request, Sample, Score
from harness.registry import Registry
from harness.running.journal import Contents, Journal


@dataclass(frozen=True, slots=True)
class Regrading:
    """What to mark anew: a run's evals by pattern (none: all), and where the result goes."""

    run: Path
    out: Path
    command: str
    patterns: Sequence[str] = ()
    allow_code: frozenset[str] = frozenset()
    overwrite: bool = False


@dataclass(slots=True)
class Regraded:
    """How many answers of each eval were marked, and how many marks are others now."""

    folder: RunFolder
    marked: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def regrade(order: Regrading, registry: Registry) -> Regraded:
    """Write a run folder with the same answers under the marks of the registry's graders.

    An eval's grader and options are those of the registry today, its samples and answers those
    of the run. What judges said is read anew, never asked anew.

    Raises:
        RunFolderError: no run folder, data that changed, or no room for the new one.
        UsageError: no eval that can be marked anew.
        RegistryError: a grader that cannot be made, such as code that is not allowed.
    """
    if order.out.resolve() == order.run.resolve():
        raise UsageError("--out names the run itself; name another folder, the old marks stay")
    old = RunFolder(order.run)
    manifest = old.read()
    check_files(manifest.plan.files, old.path)
    specs, notes = _specs(manifest, order.patterns, registry)
    plan = _plan(manifest.plan, specs)
    said = Said()
    graders = {spec.name: _grader(spec, manifest, said, order.allow_code) for spec in plan.evals}
    new = open_folder(
        order.out,
        Manifest(plan, order.command, __version__),
        resume=RunFolder(order.out).exists(),
        overwrite=order.overwrite,
    )
    _copy_tuning(old, new)
    found = Regraded(new, notes=notes)
    contents = Contents.of(old.journal)
    with Journal.open(new.journal, plan.hash, resume=True) as journal:
        asyncio.run(_mark_all(contents, plan, graders, said, journal, found))
    return found


# --- what is marked ------------------------------------------------------------------


def _specs(
    manifest: Manifest, patterns: Sequence[str], registry: Registry
) -> tuple[list[EvalSpec], tuple[str, ...]]:
    """The run's evals that are meant, with today's graders; and what to say of the others."""
    known = manifest.plan.evals
    chosen = [s for s in known if not patterns or any(fnmatchcase(s.name, p) for p in patterns)]
    if not chosen:
        names = ", ".join(spec.name for spec in known)
        raise UsageError(f"no eval of the run is called {', '.join(patterns)}; it has {names}")
    notes = [f"{s.name} marks itself: left out" for s in chosen if s.grader == BRIDGE]
    specs = []
    for spec in chosen:
        if spec.grader != BRIDGE:
            now = _of_today(spec, registry)
            specs.append(now or spec)
            if now is None:
                notes.append(f"{spec.name} is in no registry any more: marked as it was")
    if not specs:
        raise UsageError("; ".join(notes) + "; run them again instead")
    return specs, tuple(notes)


def _of_today(spec: EvalSpec, registry: Registry) -> EvalSpec | None:
    """The run's spec with the grader and options of the registry; None where it is not there."""
    try:
        now = registry.eval(spec.name)
    except RegistryError:
        if spec.name in registry.entries():
            raise
        return None
    return replace(
        spec,
        grader=now.grader,
        args=now.args,
        metrics=now.metrics,
        class_name=now.class_name,
    )


def _plan(plan: Plan, specs: Sequence[EvalSpec]) -> Plan:
    """The run's plan with these evals and no others."""
    names = {spec.name for spec in specs}
    experiments = (
        replace(one, evals=tuple(name for name in one.evals if name in names))
        for one in plan.study.experiments
    )
    kept = tuple(one for one in experiments if one.evals)
    return replace(plan, evals=tuple(specs), study=replace(plan.study, experiments=kept))


def _grader(spec: EvalSpec, manifest: Manifest, said: Said, allow_code: frozenset[str]) -> Grader:
    named = manifest.study.judge
    judge = Judge(said, named.name if named else "judge") if needs_judge(spec) else None
    return make_grader(spec, judge, allow_code)


def _copy_tuning(old: RunFolder, new: RunFolder) -> None:
    """What the run knows of its checkpoints and of meanings, and what people said of it."""
    try:
        for known, here in ((old.tuning, new.tuning), (old.embeddings, new.embeddings)):
            if known.exists():
                shutil.copyfile(known, here)
        if old.reviews.exists() and not new.reviews.exists():
            shutil.copyfile(old.reviews, new.reviews)  # they are of answers, which are the same
        if old.data.exists():
            shutil.copytree(old.data, new.data, dirs_exist_ok=True)
    except OSError as error:
        raise RunFolderError(f"{new.path}: cannot be written: {error.strerror}") from error


# --- marking -------------------------------------------------------------------------


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


async def _mark_all(
    contents: Contents,
    plan: Plan,
    graders: Mapping[str, Grader],
    said: Said,
    journal: Journal,
    found: Regraded,
) -> None:
    for spec in plan.evals:
        for name, samples in _samples(spec, plan):
            found.marked.setdefault(name, 0)
            found.changed.setdefault(name, 0)
            for model in [model for asked, model in contents.offsets if asked == name]:
                for outcome in contents.outcomes(name, model):
                    said.about(outcome)
                    sample = _sample_of(outcome, samples, spec)
                    grader = graders[spec.name]
                    grader = probe_grader(grader) if name == probe_name(spec.name) else grader
                    marked = await _marked(outcome, sample, of_repeat(grader, outcome.repeat))
                    journal.append(marked)
                    found.marked[name] += marked.completion is not None
                    found.changed[name] += _marks(marked) != _marks(outcome)


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
