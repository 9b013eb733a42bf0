"""Models under names to read, as reports say them: by experiment, epochs and seed.

What a service calls a tuned model says nothing to a reader; it stays the value of an option, and
its title.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from harness.errors import HarnessError
from harness.pipeline.orders.tuning import TunedRun, read_tuning
from harness.records import Checkpoint, Experiment
from harness.reports import wording
from harness.viewer.summaries import About

Group = tuple[str, tuple["Named", ...]]
"""An experiment, "" for models of none, and its models."""


@dataclass(frozen=True, slots=True)
class Named:
    """A model: its own ``name``, what readers call it, and the experiment that it is of.

    ``is_to_use`` says that an advice of the run's report chose it.
    """

    name: str
    label: str
    group: str = ""
    is_to_use: bool = False


def named(about: About, models: Iterable[str]) -> dict[str, Named]:
    """Each of these models of a run, by its name."""
    known = {one.name: one for one in _known(about)}
    told = about.told.headlines if about.told else ()
    chosen = {line.model for line in told if line.kind is not None}
    found = [
        replace(known.get(name, Named(name, name)), is_to_use=name in chosen)
        for name in dict.fromkeys(models)
    ]
    often = Counter(one.label for one in found)
    return {
        one.name: one if often[one.label] == 1 else replace(one, label=f"{one.label}: {one.name}")
        for one in found
    }


def grouped(found: Iterable[Named]) -> list[Group]:
    """The same by experiment, for a list to choose from; those of none come first."""
    groups: dict[str, list[Named]] = {"": []}
    for one in found:
        groups.setdefault(one.group, []).append(one)
    return [(group, tuple(some)) for group, some in groups.items() if some]


def model_groups(about: About, models: Iterable[str]) -> list[Group]:
    """The models of a run to choose from."""
    return grouped(named(about, models).values())


def _known(about: About) -> Iterator[Named]:
    """Every model that the plan, or a tuning job that ended, says something of."""
    if about.manifest is None:
        return
    study = about.manifest.study
    yield Named(study.base, f"base model {study.base}")
    jobs: Sequence[TunedRun] = ()
    with suppress(HarnessError):  # the run's own page says what is wrong with it
        jobs = read_tuning(about.run.folder.tuning)
    for experiment in study.experiments:
        yield from (_of(experiment, one) for one in experiment.tuned)
        for job in jobs:
            if job.experiment == experiment.name:
                yield from (_of(experiment, one, job) for one in job.checkpoints)


def _of(experiment: Experiment, one: Checkpoint, job: TunedRun | None = None) -> Named:
    """'orders, after 3 epochs, seed 1'."""
    seed = one.seed if job is None or one.seed is not None else job.seed
    parts = [experiment.name, job.part if job else "", wording.after(one.epoch)]
    parts += [] if seed is None else [f"seed {seed}"]
    return Named(one.model, ", ".join(filter(None, parts)), experiment.name)
