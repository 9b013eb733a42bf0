"""Which evals a study means, and which of them can be asked here.

An eval that is named must run; one that only a pattern or a set brings along is left out, and
said so, where it cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from harness.datasets import fetch, read_training
from harness.errors import DatasetError, RegistryError, UsageError
from harness.prompts import models_of
from harness.records import EvalSpec, Experiment, Finding, Study
from harness.registry import Registry

Notice = Callable[[str, Finding], None]
"""Called with an eval's name and what there is to say about it."""


def selected(study: Study, registry: Registry, notice: Notice) -> Study:
    """The study with its patterns and eval sets resolved to the names of evals to ask.

    Raises:
        RegistryError: a pattern that means nothing, or a named eval that cannot run.
        UsageError: nothing that the patterns mean can run.
    """
    return replace(
        study,
        experiments=tuple(
            _named(one, _Naming(study.base, registry, notice)) for one in study.experiments
        ),
    )


@dataclass(frozen=True, slots=True)
class _Naming:
    """Who is asked, where evals are looked up, and who hears of those that are left out."""

    base: str
    registry: Registry
    notice: Notice


def _named(experiment: Experiment, naming: _Naming) -> Experiment:
    """The experiment with its patterns resolved.

    Raises:
        UsageError: an eval that chooses the epochs cannot also say what was forgotten.
    """
    evals = tuple(_names(experiment.evals, naming))
    general = tuple(_names(experiment.forgetting, naming)) if experiment.forgetting else ()
    both = next((name for name in general if name in evals), None)
    if both is not None:
        raise UsageError(
            f"experiment '{experiment.name}': {both} stands under 'evals' and 'forgetting'; "
            "keep it where it belongs"
        )
    return _with_epochs(replace(experiment, evals=evals, forgetting=general))


def _with_epochs(experiment: Experiment) -> Experiment:
    """Where a study leaves the epochs open, those that the hosted API would take by itself."""
    tuning, data = experiment.tuning, experiment.training_data
    if tuning is None or tuning.epochs or data is None:
        return experiment
    from harness.linting.spending import default_epochs

    epochs = default_epochs(len(read_training(data)))
    return replace(experiment, tuning=replace(tuning, epochs=(epochs,)))


def _names(patterns: Sequence[str], naming: _Naming) -> Iterator[str]:
    base, registry, notice = naming.base, naming.registry, naming.notice
    found: dict[str, None] = {}
    for pattern in patterns:
        if pattern in registry.entries():
            found[registry.resolve(pattern).name] = None
            continue
        for name in registry.matching(_patterns(pattern, registry)):
            why = None if name in found else _obstacle(name, base, registry)
            if why is None:
                found[name] = None
            else:
                notice(name, Finding("left_out", "warn", f"left out: {why}"))
    if not found:
        raise UsageError(f"none of the evals that {', '.join(patterns)} means can run here")
    yield from found


def _patterns(pattern: str, registry: Registry) -> tuple[str, ...]:
    """The patterns of an eval set; any other pattern itself."""
    if pattern in registry.entries("eval_sets"):
        return registry.eval_set(pattern).patterns
    return (pattern,)


def _obstacle(name: str, base: str, registry: Registry) -> str | None:
    """Why an eval cannot be asked; None when it can."""
    try:
        prepared(registry.eval(name), base)
    except (RegistryError, DatasetError, UsageError) as error:
        return str(error)
    return None


def prepared(spec: EvalSpec, base: str) -> EvalSpec:
    """The spec, once its models can answer it and its data are at hand.

    Raises:
        UsageError: it does not compare as many models as are named.
        DatasetError: its data cannot be loaded from where they lie.
    """
    _check_models(spec, base)
    if spec.fetched_from is not None:
        fetch(spec.fetched_from, spec.samples)
    return spec


def _check_models(spec: EvalSpec, base: str) -> None:
    """Several models can stand side by side only where a judge compares their completions."""
    count = len(models_of(base))
    if spec.layout == "fields" and (spec.drafts or count) == count > 1:
        return
    if spec.drafts is None:
        raise UsageError(
            f"{spec.name} compares the answers of several models; name them with commas between"
        )
    if spec.layout == "fields" and count > 1:
        raise UsageError(f"{spec.name} compares {spec.drafts} answers, not those of {count} models")


def with_repeats(specs: Iterable[EvalSpec], repeats: int | None) -> list[EvalSpec]:
    """Ask every prompt so many times, one choice a request; None leaves the specs alone.

    Raises:
        UsageError: fewer than one.
    """
    if repeats is None:
        return list(specs)
    if repeats < 1:
        raise UsageError(f"--repeats must be 1 or more, not {repeats}")
    return [replace(spec, repeats=repeats, sampling=replace(spec.sampling, n=1)) for spec in specs]
