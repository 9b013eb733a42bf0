"""What a call asks for as an order: models by name or as functions, and where it is written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from harness.api.progress import Watching, screen
from harness.api.results import Results
from harness.api.settings import Place, Settings
from harness.errors import UsageError
from harness.models.base import Provider
from harness.models.function import FUNCTION, Answer, FunctionProvider, function_name
from harness.models.providers import Access, ModelName, open_provider
from harness.models.routing import RoutingProvider, Way
from harness.pipeline import Order, comparison_study, run_study, single_run
from harness.pipeline.folder.runfolder import run_folder
from harness.records import Experiment, Study
from harness.registry import Registry
from harness.running.loop import Stop

Model = str | Answer
"""A model's name, such as ``gpt-4o-mini`` or ``embedded:tiny-base``, or a function."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Which server answers how much, and where it is written."""

    base_url: str | None = None
    out: Place | None = None
    resume: bool = False
    overwrite: bool = False
    repeats: int | None = None
    max_samples: int | None = None

    @property
    def told(self) -> dict[str, object]:
        """What a call says of it that is to be repeated."""
        names = ("base_url", "out", "repeats", "max_samples")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A declared study, or which models answer which evals; the first model is the base.

    The only model of a declared study is a function that answers for all its models. ``call``
    is how it was asked for, as reports show it.
    """

    call: str
    extent: Extent
    models: Sequence[Model] = ()
    evals: Sequence[str] = ()
    declared: Study | None = None

    def study(self) -> Study:
        """The study that this is.

        Raises:
            UsageError: models that cannot stand side by side.
        """
        if self.declared is not None:
            own: dict[str, Any] = {"provider": FUNCTION, "routes": ()} if self.has_functions else {}
            return replace(self.declared, **own)
        if self.has_functions:
            names = [*self.named]
            experiment = Experiment(self.kind, tuple(self.evals), others=tuple(names[1:]))
            return Study(self.kind, names[0], (experiment,), provider=FUNCTION)
        base, *tuned = (ModelName.parse(str(model)) for model in self.models)
        if tuned:
            return comparison_study(base, tuned, self.evals, self.extent.base_url)
        return single_run(base, self.evals, self.extent.base_url)

    @property
    def kind(self) -> str:
        """What such a study is called."""
        return "compare" if len(self.models) > 1 else "run"

    @property
    def has_functions(self) -> bool:
        """Is any of the models a function?"""
        return not all(isinstance(model, str) for model in self.models)

    @property
    def named(self) -> Mapping[str, Model]:
        """The models by the names that reports show; equal names get a number.

        Raises:
            UsageError: the same model twice.
        """
        found: dict[str, Model] = {}
        for model in self.models:
            name = model if isinstance(model, str) else function_name(model)
            if name in found and isinstance(model, str):
                raise UsageError(f"{name} is named twice; a model is compared with others")
            numbered = (f"{name}-{number}" for number in range(2, 1_000))
            free = (one for one in (name, *numbered) if one not in found)
            found[next(free)] = model
        return found

    def provider(
        self, settings: Settings, home: asyncio.AbstractEventLoop | None
    ) -> Provider | None:
        """Who answers, where a function does.

        Raises:
            UsageError: something that is no function, or no way to a model.
        """
        if not self.has_functions:
            return None
        if self.declared is not None:
            return FunctionProvider(cast("Answer", self.models[0]), home)
        ways: dict[str, Way] = {}
        for name, model in self.named.items():
            if isinstance(model, str):
                parsed = ModelName.parse(model)
                ways[name] = Way(
                    open_provider(parsed, settings.access(self.extent.base_url)), parsed.name
                )
            else:
                ways[name] = Way(FunctionProvider(model, home), name)
        return RoutingProvider(ways)


def order_of(wanted: Wanted, settings: Settings, known: Registry) -> Order:
    """What is to be run and where.

    Raises:
        HarnessError: models, a policy, a price or a number that cannot be used.
    """
    study, extent = settings.completed(wanted.study(), known), wanted.extent
    return Order(
        study=study,
        out=run_folder(extent.out, study.name),
        command=wanted.call,
        resume=extent.resume,
        overwrite=extent.overwrite,
        repeats=extent.repeats,
        max_samples=extent.max_samples,
        limits=settings.limits(),
        max_cost=settings.max_cost,
        judge_access=settings.judge_access(extent.base_url),
        allow_code=tuple(settings.allow_code),
        caching=settings.caching(),
        prices=settings.tables(),
    )


@dataclass(frozen=True, slots=True)
class Running:
    """A run that is checked as far as it can be; it is done when it is called."""

    order: Order
    known: Registry
    access: Access
    settings: Settings

    def __call__(self, stop: Stop) -> Results:
        """Carry it out, until it is stopped."""
        watching = Watching(screen(self.settings.progress), stop)
        order = replace(self.order, stop=stop)
        try:
            with self.settings.naming_the_registry():
                done = run_study(order, self.known, self.access, watching)
        finally:
            watching.close()
        return Results(done.document, done.folder, tuple(watching.notices))

    @property
    def how_to_go_on(self) -> str:
        """What somebody is told who stopped it."""
        out = self.order.out
        return f"what was answered is kept in {out}; go on with out={str(out)!r}, resume=True"


def running(
    wanted: Wanted, settings: Settings, home: asyncio.AbstractEventLoop | None = None
) -> Running:
    """The run that is wanted; ``home`` is the loop in which functions that are async are awaited.

    Raises:
        HarnessError: it cannot be begun.
    """
    known = settings.known()
    order = replace(order_of(wanted, settings, known), provider=wanted.provider(settings, home))
    return Running(order, known, settings.access(wanted.extent.base_url), settings)


def call_text(function: str, given: Sequence[object], named: Mapping[str, object]) -> str:
    """A call as it may be repeated, without what is not set; functions go by their names."""
    parts = [_value(one) for one in given]
    parts += [f"{name}={_value(value)}" for name, value in named.items() if value is not None]
    return f"harness.{function}({', '.join(parts)})"


def _value(value: object) -> str:
    if isinstance(value, Study):
        source = value.source or value.name
        return f"harness.load_study({str(source)!r})"
    if isinstance(value, str | Path):
        return repr(str(value))
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Results):
        return f"harness.load_run({str(value.folder)!r})"
    return function_name(value) if callable(value) else repr(value)
