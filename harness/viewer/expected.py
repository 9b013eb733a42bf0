"""How many answers a run owes, as far as its plan and its data say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.datasets import count_samples, read_training
from harness.errors import HarnessError
from harness.openai_evals.bridge_files import GRADER as BRIDGE
from harness.pipeline.folder.manifest import Manifest
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.orders.names import probe_name, prompt_name
from harness.pipeline.orders.parts import parts_of
from harness.pipeline.orders.tuning import TunedRun, read_tuning
from harness.records import EvalSpec, Experiment
from harness.running.journal import Asked


@dataclass(frozen=True, slots=True)
class Expected:
    """Answers owed by eval and model, and further ones by models that are not there yet.

    ``total`` is None where it cannot be known: an eval asks by itself, or its data are gone.
    """

    owed: Mapping[Asked, int]
    by_others: int = 0
    jobs_left: int = 0
    is_known: bool = True

    @property
    def total(self) -> int | None:
        """All answers that the run owes at the most."""
        whole = sum(self.owed.values()) + self.by_others
        return whole if self.is_known and whole else None


UNKNOWN = Expected({}, is_known=False)


def expected(folder: RunFolder, manifest: Manifest) -> Expected:
    """What a run owes; its tuning jobs that have ended count with the models they made."""
    specs = {spec.name: spec for spec in manifest.plan.evals}
    if any(spec.grader == BRIDGE for spec in specs.values()):
        return UNKNOWN
    try:
        tuned = read_tuning(folder.tuning)
        sizes = {name: _size(spec, manifest.plan.max_samples) for name, spec in specs.items()}
        parts = [
            _of_experiment(experiment, manifest.study.base, specs, sizes, tuned)
            for experiment in manifest.study.experiments
        ]
    except (HarnessError, OSError, KeyError):
        return UNKNOWN
    owed = {place: count for part in parts for place, count in part.owed.items()}
    return Expected(owed, sum(p.by_others for p in parts), sum(p.jobs_left for p in parts))


def _size(spec: EvalSpec, most: int | None) -> int:
    held = count_samples(spec.samples)
    return held if most is None else min(held, most)


def _of_experiment(
    experiment: Experiment,
    base: str,
    specs: Mapping[str, EvalSpec],
    sizes: Mapping[str, int],
    tuned: Sequence[TunedRun],
) -> Expected:
    own = [run for run in tuned if run.experiment == experiment.name]
    whole = [model for run in own if not run.part for model in _wanted(experiment, run)]
    models = dict.fromkeys([base, *(c.model for c in experiment.tuned), *experiment.others, *whole])
    each = dict(_owed_by_one(experiment, specs, sizes))
    owed = {(name, model): count for model in models for name, count in each.items()}
    for name, model, count in _asides(experiment, base, specs, sizes, own):
        owed.setdefault((name, model), count)
    jobs, per_job = _jobs_left(experiment, own)
    return Expected(owed, jobs * per_job * sum(each.values()), jobs)


def _owed_by_one(
    experiment: Experiment, specs: Mapping[str, EvalSpec], sizes: Mapping[str, int]
) -> Iterator[tuple[str, int]]:
    """What every candidate owes: the held-out samples, and the training probe of its evals."""
    probe = 0
    if experiment.training_data is not None:
        probe = min(experiment.train_probe, len(read_training(experiment.training_data)))
    for name in (*experiment.evals, *experiment.forgetting):
        answers = specs[name].answers_per_prompt
        yield name, sizes[name] * answers
        if probe and name in experiment.evals:
            yield probe_name(name), probe * answers


def _asides(
    experiment: Experiment,
    base: str,
    specs: Mapping[str, EvalSpec],
    sizes: Mapping[str, int],
    own: Sequence[TunedRun],
) -> Iterator[tuple[str, str, int]]:
    """What models owe that are only compared with: held-out samples."""
    asked = [(base, prompt.name) for prompt in experiment.prompts]
    if experiment.instead_of is not None and experiment.instead_of.ask:
        asked.append((experiment.instead_of.model, experiment.instead_of.prompt.name))
    for name in experiment.evals:
        count = sizes[name] * specs[name].answers_per_prompt
        for model, prompt in asked:
            yield prompt_name(name, prompt), model, count
        for run in own:
            for model in _wanted(experiment, run) if run.part else ():
                yield name, model, count


def _wanted(experiment: Experiment, run: TunedRun) -> list[str]:
    """The models of a job that are asked: those of the epochs to judge."""
    tuning = experiment.tuning
    epochs = {*tuning.epochs, *tuning.spares} if tuning else set()
    of_parts = {part.name: set(part.epochs) for part in parts_of(experiment)}
    judged = of_parts.get(run.part, set()) if run.part else epochs
    return [c.model for c in run.checkpoints if round(c.epoch) in judged]


def _jobs_left(experiment: Experiment, own: Sequence[TunedRun]) -> tuple[int, int]:
    """Tuning jobs that have not ended, and how many models each makes."""
    if experiment.tuning is None:
        return 0, 0
    whole = [run for run in own if not run.part]
    wanted = len(experiment.tuning.seeds) + len(parts_of(experiment))
    made = max((len(_wanted(experiment, r)) for r in whole), default=len(experiment.tuning.epochs))
    return max(0, wanted - len(own)), made
