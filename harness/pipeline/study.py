"""The whole story: tune or read checkpoints, ask, grade, judge, report.

Every command that evaluates is a study: ``harness run`` is one without tuned models,
``harness compare`` one whose tuned models have no epochs. The report is always made from the
run folder, so a run that was interrupted and resumed gives the report of one that was not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    nullcontext,
)
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from harness import __version__
from harness.analysis.cost import PriceTable
from harness.datasets import read_training
from harness.errors import ProviderError, RunFolderError, UsageError
from harness.finetuning.jobs import TuningService
from harness.graders import Judge, needs_judge
from harness.models.base import BatchService, Provider
from harness.models.providers import (
    DUMMY,
    OPENAI_URL,
    Access,
    ModelName,
    open_provider,
    openai_batches,
    openai_provider,
    routing_provider,
)
from harness.models.secrecy import without_secret_fields, without_secrets
from harness.openai_evals.bridge import Terms
from harness.openai_evals.bridge_files import GRADER
from harness.pipeline.bridging import Bridge, refuse_solvers
from harness.pipeline.caching import Caching, Kept, kept_for
from harness.pipeline.evaluation import Question, all_cases
from harness.pipeline.folder_report import read_tracks, report_of
from harness.pipeline.logs import WrittenLog, write_logs
from harness.pipeline.looks import Look, asked_until_decided, check_can_stop, note, schedule
from harness.pipeline.manifest import Manifest, Plan, portable
from harness.pipeline.purses import purse_for
from harness.pipeline.reporting import Written, write_reports
from harness.pipeline.runfolder import RunFolder, open_folder
from harness.pipeline.selection import prepared, selected, with_repeats
from harness.pipeline.timing import timed
from harness.pipeline.tuning import Tuner, TuningWatch
from harness.prompts import train_probe
from harness.records import (
    DEFAULT_SEED,
    Endpoint,
    EvalSpec,
    Experiment,
    Finding,
    Gate,
    Route,
    Sample,
    Study,
)
from harness.registry import Registry
from harness.reports.document import Document
from harness.running.batch_dispatch import BatchWatch
from harness.running.batching import Batching, run_batched
from harness.running.journal import Journal, latest
from harness.running.loop import driven
from harness.running.retries import Limits, RetryingProvider
from harness.running.runner import Case, Observer, Tally, run_cases

NO_KEY = "none"
"""What the control plane sends to servers that ask for no key; its client insists on one."""


class Watch(TuningWatch, BatchWatch, Protocol):
    """Whoever shows the progress of a study."""

    def noticed(self, eval_name: str, finding: Finding) -> None:
        """Something about an eval that its user should know before it is asked."""
        ...

    def evaluating(self, total: int) -> AbstractContextManager[Observer | None]:
        """Answers begin to come in, ``total`` of them at the most."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """What to run and where to write it."""

    study: Study
    out: Path
    command: str
    resume: bool = False
    overwrite: bool = False
    retry_failed: bool = False
    repeats: int | None = None
    max_samples: int | None = None
    endpoint: Endpoint = "chat"
    limits: Limits = field(default_factory=Limits)
    seed: int = DEFAULT_SEED
    created_by: str = ""
    allow_code: tuple[str, ...] = ()
    """Modules whose classes a registry may run, and ``python`` for graders that are code."""
    batch: bool = False
    """Send files of requests, and wait for the answers, instead of asking one by one."""
    judge_access: Access | None = None
    """How to reach the judge, where it is not reached as the models are."""
    max_cost: float | None = None
    """US dollars after which nothing more is sent."""
    caching: Caching = field(default_factory=Caching)
    prices: tuple[PriceTable, ...] | None = None
    """What models cost, the table that counts first; None: our own."""
    looks: int | None = None
    """How often to look whether the policy's gate is decided, and stop (0: at any time)."""
    dry_run: bool = False
    """Only say what it would take; see ``pipeline.preview``."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A run's end: its report, where it lies, and what the run did."""

    document: Document
    written: Written
    folder: Path
    tally: Tally
    logs: tuple[WrittenLog, ...] = ()


@dataclass(frozen=True, slots=True)
class Services:
    """Who answers and who tunes. ``keeps_models``: tuned models outlive this process."""

    provider: Provider
    tuning: TuningService | None
    keeps_models: bool
    closing: AbstractContextManager[object]
    batches: BatchService | None = None


def run_study(order: Order, registry: Registry, access: Access, watch: Watch) -> Finished:
    """Run a study to its report; an interrupted one goes on with ``order.resume``.

    Raises:
        HarnessError: something that the user can repair; what was answered is kept.
    """
    order = replace(order, study=selected(order.study, registry, watch.noticed))
    purse = purse_for(order.study, order.prices, order.max_cost)
    order = replace(order, limits=replace(order.limits, purse=purse))
    specs = specs_of(order, registry)
    refuse_solvers(order.study, specs.values())
    bridge = Bridge.of(specs.values(), registry, _terms(order))
    kept = kept_for(order.study, access, order.judge_access, order.caching)
    judge = judge_for(order, specs.values(), access, kept)
    questions = {
        experiment.name: questions_of(experiment, specs, order, judge)
        for experiment in order.study.experiments
    }
    for question in {q.spec.name: q for qs in questions.values() for q in qs}.values():
        for finding in question.check():
            watch.noticed(question.spec.name, finding)
    if order.looks is not None:
        check_can_stop(order.study, questions, batch=order.batch)
    services = services_for(order.study, access)
    batching = _batching(order, services, watch, kept)
    manifest = Manifest(_plan(order, specs), order.command, __version__)
    folder = open_folder(order.out, manifest, resume=order.resume, overwrite=order.overwrite)
    if batching is None:
        _check_no_batches(folder)
    with ExitStack() as stack:
        stack.enter_context(services.closing)
        journal = stack.enter_context(
            Journal.open(
                folder.journal, manifest.hash, resume=True, retry_failed=order.retry_failed
            )
        )
        models = _tuned_models(order.study, questions, services, folder, watch)
        providers = Answering(services.provider, judge, kept, batching)
        tally = driven(_ask(order, questions, models, providers, journal, watch, bridge))
    if tally.failed and not (tally.answered or tally.skipped):
        raise ProviderError(_nothing_answered(folder, tally))
    document = report_of(folder.path, _notes(services.provider), order.prices)
    written = write_reports(document, folder.path)
    logs = write_logs(folder, manifest, created_by=order.created_by)
    return Finished(document, written, folder.path, tally, logs)


# --- before the first call -----------------------------------------------------------


def specs_of(order: Order, registry: Registry) -> dict[str, EvalSpec]:
    """The evals of every experiment by name, each once."""
    names = [name for experiment in order.study.experiments for name in experiment.evals]
    found = [prepared(registry.eval(name), order.study.base) for name in dict.fromkeys(names)]
    seeded = (replace(spec, seed=order.seed) for spec in with_repeats(found, order.repeats))
    return {spec.name: spec for spec in seeded}


def questions_of(
    experiment: Experiment, specs: dict[str, EvalSpec], order: Order, judge: Judge | None
) -> list[Question]:
    """The evals of an experiment, ready to be asked."""
    probe: list[Sample] = []
    if experiment.training_data is not None:
        probe = train_probe(read_training(experiment.training_data), experiment.train_probe)
    return [
        Question.of(
            specs[name],
            probe=() if needs_judge(specs[name]) else probe,
            endpoint=order.endpoint,
            max_samples=order.max_samples,
            judge=judge,
            allow_code=frozenset(order.allow_code),
        )
        for name in experiment.evals
    ]


def _plan(order: Order, specs: dict[str, EvalSpec]) -> Plan:
    from harness.datasets import file_hash

    paths = {spec.samples for spec in specs.values() if spec.grader != GRADER}
    paths |= {spec.few_shot for spec in specs.values() if spec.few_shot}
    paths |= {e.training_data for e in order.study.experiments if e.training_data}
    return Plan(
        study=_placed_study(order.study),
        evals=tuple(map(_placed_spec, specs.values())),
        endpoint=order.endpoint,
        max_samples=order.max_samples,
        looks=order.looks,
        files={portable(path): file_hash(path) for path in sorted(paths)},
    )


def _placed_spec(spec: EvalSpec) -> EvalSpec:
    """The spec with whole paths, so that its run folder can be read from anywhere."""
    if spec.grader == GRADER:
        return replace(spec, source=None)
    few_shot = spec.few_shot.resolve() if spec.few_shot else None
    return replace(spec, samples=spec.samples.resolve(), few_shot=few_shot, source=None)


def _placed_study(study: Study) -> Study:
    experiments = (
        replace(e, training_data=e.training_data.resolve()) if e.training_data else e
        for e in study.experiments
    )
    return replace(
        study,
        experiments=tuple(experiments),
        source=None,
        base_url=_shown_address(study.base_url),
        judge=_shown_route(study.judge) if study.judge else None,
        routes=tuple(map(_shown_route, study.routes)),
    )


def _shown_route(route: Route) -> Route:
    """A route as it may be written down: an address or an option can carry a key."""
    extra = without_secret_fields(route.extra)
    return replace(route, base_url=_shown_address(route.base_url), extra=extra)


def _shown_address(base_url: str | None) -> str | None:
    return base_url and without_secrets(base_url)


def services_for(study: Study, access: Access) -> Services:
    """Connect a study to its provider; ``access.base_url`` overrules what the study says.

    Raises:
        UsageError: no way to reach a server.
    """
    if study.routes:
        return Services(routing_provider(study.routes, access), None, True, nullcontext())
    if access.base_url is None and study.provider == "embedded":
        return _embedded_services()
    if study.provider in ("recorded", DUMMY):
        provider = open_provider(ModelName(study.provider, study.base_url or ""), access)
        return Services(provider, None, keeps_models=True, closing=nullcontext())
    reached = replace(access, base_url=access.base_url or study.base_url)
    provider = openai_provider(reached, study.base)
    batches = openai_batches(reached, study.base)
    return Services(provider, _api_tuning(study, reached), True, nullcontext(), batches)


def _batching(order: Order, services: Services, watch: Watch, kept: Kept | None) -> Batching | None:
    """Who answers batches, where they are wanted.

    Raises:
        UsageError: they are, and nobody does.
    """
    if not order.batch:
        return None
    if services.batches is None:
        raise UsageError(
            f"--batch: {order.study.provider} models have no batches; leave it out, or name a "
            "server with --base-url"
        )
    if order.max_cost is not None:
        raise UsageError(
            "--max-cost cannot be kept with --batch, which sends everything at once; see what it "
            "costs with --dry-run, or bound it with --max-samples"
        )
    holds = kept.holds if kept else None
    return Batching(services.batches, watch, holds=holds, retry_failed=order.retry_failed)


def _check_no_batches(folder: RunFolder) -> None:
    """Asking directly what a batch is answering would be paid twice."""
    under_way = folder.batches_under_way()
    if under_way:
        raise RunFolderError(
            f"{folder.path}: batches of this run are under way ({', '.join(under_way)}); "
            f"go on with --batch --resume, or cancel them: harness batches {folder.path} --cancel"
        )


def judge_for(
    order: Order, specs: Iterable[EvalSpec], access: Access, kept: Kept | None = None
) -> Judge | None:
    """The model that marks, if an eval wants one.

    Raises:
        UsageError: an eval wants one and none is named, or there is no way to reach it.
    """
    judged = [spec.name for spec in specs if needs_judge(spec)]
    if not judged:
        return None
    named = order.study.judge
    if named is None:
        raise UsageError(f"{judged[0]} is marked by a model; name one with --judge MODEL")
    way = order.judge_access or access
    reached = replace(way, base_url=way.base_url or order.study.base_url)
    provider = RetryingProvider(routing_provider([named], reached), order.limits, capped=False)
    return Judge(kept.judge(provider) if kept else provider, named.name)


def _embedded_services() -> Services:
    from harness.embedded.workshop import Workshop
    from harness.finetuning.jobs import EmbeddedTuning
    from harness.models.embedded import EmbeddedProvider

    workshop = Workshop()
    return Services(
        EmbeddedProvider(workshop),
        EmbeddedTuning(workshop),
        keeps_models=False,
        closing=workshop,
    )


def _api_tuning(study: Study, access: Access) -> TuningService | None:
    if not any(experiment.tuning for experiment in study.experiments):
        return None
    from harness.finetuning.api import ApiTuning

    return ApiTuning(access.api_key or NO_KEY, access.base_url or access.default_url or OPENAI_URL)


# --- the run -------------------------------------------------------------------------


def _tuned_models(
    study: Study,
    questions: dict[str, list[Question]],
    services: Services,
    folder: RunFolder,
    watch: Watch,
) -> dict[str, list[str]]:
    """The models to ask for each experiment: the base, and every tuned one."""
    models = {}
    for experiment in study.experiments:
        tuned = [*(c.model for c in experiment.tuned), *experiment.others]
        if experiment.tuning is not None:
            if services.tuning is None:
                raise UsageError(f"{study.provider}: this provider cannot tune")
            tuner = Tuner(services.tuning, folder, watch, services.keeps_models)
            heldout = list(questions[experiment.name][0].samples())
            runs = tuner.runs(study, experiment, heldout)
            tuned += [checkpoint.model for run in runs for checkpoint in run.checkpoints]
        models[experiment.name] = list(dict.fromkeys([study.base, *tuned]))
    return models


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers while there is asking: the models, one by one or in batches, judge and cache."""

    provider: Provider
    judge: Judge | None
    kept: Kept | None = None
    batching: Batching | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Provider]:
        """The models' provider, with all connections and the cache open."""
        async with AsyncExitStack() as stack:
            if self.kept is not None:
                stack.enter_context(self.kept.cache)
            if self.judge is not None:
                await stack.enter_async_context(self.judge.provider)
            yield await stack.enter_async_context(self.provider)


async def _ask(
    order: Order,
    questions: dict[str, list[Question]],
    models: dict[str, list[str]],
    answering: Answering,
    journal: Journal,
    watch: Watch,
    bridge: Bridge,
) -> Tally:
    total = sum(q.size * len(models[name]) for name, qs in questions.items() for q in qs)

    def cases() -> Iterator[Case]:
        for name, asked in questions.items():
            yield from all_cases(asked, models[name])

    with watch.evaluating(total) as watching, timed(journal.path, watching) as observer:
        async with answering.opened() as provider:
            kept = answering.kept
            before = kept.models if kept else None
            limits, batching = order.limits, answering.batching
            if order.looks is not None:
                tally = await _ask_until_decided(
                    order, questions, models, provider, journal, observer, before
                )
            elif batching is not None:
                tally = await run_batched(
                    cases, batching, journal, limits=limits, observer=observer, before=before
                )
            else:
                tally = await run_cases(
                    cases(), provider, journal, limits=limits, observer=observer, before=before
                )
            selves = [
                (q.spec.name, model)
                for name, qs in questions.items()
                for q in qs
                if q.runs_itself
                for model in models[name]
            ]
            asked = kept.models(provider) if kept else provider
            await bridge.run(selves, asked, answering.judge, journal, observer, tally)
    if kept is not None:
        tally.from_cache = kept.hits
        for finding in kept.findings():
            watch.noticed(order.study.name, finding)
    return tally


async def _ask_until_decided(
    order: Order,
    questions: dict[str, list[Question]],
    models: dict[str, list[str]],
    provider: Provider,
    journal: Journal,
    observer: Observer | None,
    before: Callable[[Provider], Provider] | None,
) -> Tally:
    """The same in blocks, until the policy's gate is decided."""
    folder, policy = RunFolder(order.out), order.study.policy
    if policy is None or order.looks is None:
        raise UsageError("early stopping needs a policy to decide by; name one: --policy")
    manifest = folder.read()
    asked = [question for group in questions.values() for question in group]

    def ask(cases: Iterator[Case], shown: Observer | None) -> Awaitable[Tally]:
        return run_cases(
            cases, provider, journal, limits=order.limits, observer=shown, before=before
        )

    def decide(look: Look) -> Gate:
        note(look, folder.path)
        from harness.pipeline.gate_tracks import gate_tracks

        return gate_tracks(folder, read_tracks(folder, manifest), policy)

    looks = list(schedule(asked, order.looks, policy.alpha))
    groups = [(group, models[name]) for name, group in questions.items()]
    return await asked_until_decided(looks, groups, ask, decide, observer)


def _terms(order: Order) -> Terms:
    """What evals that run themselves are given."""
    return Terms(
        limits=order.limits,
        max_samples=order.max_samples,
        seed=order.seed,
        endpoint=order.endpoint,
        command=order.command,
        created_by=order.created_by,
    )


def _nothing_answered(folder: RunFolder, tally: Tally) -> str:
    failures = (o.failure for o in latest(folder.journal) if o.failure is not None)
    why = next(failure.message for failure in failures)
    return f"none of {tally.failed:,} requests was answered: {why}"


def _notes(provider: Provider) -> tuple[str, ...]:
    return tuple(getattr(provider, "notes", ()))


# --- studies made by commands --------------------------------------------------------


def single_run(model: ModelName, evals: Iterable[str], base_url: str | None) -> Study:
    """One model, no tuned ones: what ``harness run`` does.

    Raises:
        UsageError: a server is named for a model that needs none.
    """
    return _ad_hoc("run", model, (), evals, base_url)


def comparison_study(
    base: ModelName, tuned: Sequence[ModelName], evals: Iterable[str], base_url: str | None
) -> Study:
    """A base model and others of unknown epochs: what ``harness compare`` does.

    Raises:
        UsageError: the models belong to different providers, or need no server.
    """
    if any(model.kind != base.kind for model in tuned):
        raise UsageError("all models of a comparison must be served by the same provider")
    return _ad_hoc("compare", base, tuple(model.name for model in tuned), evals, base_url)


def panel_study(
    routes: Sequence[Route], judge: Route | None, evals: Iterable[str], base_url: str | None
) -> Study:
    """Models by their routes, judged by another: what ``harness oaieval`` does.

    Several models are compared with each other by the judge.
    """
    name = ",".join(route.name for route in routes)
    study = _ad_hoc("run", ModelName("openai", name), (), evals, base_url)
    return replace(study, routes=tuple(routes), judge=judge)


def _ad_hoc(
    name: str,
    base: ModelName,
    others: tuple[str, ...],
    evals: Iterable[str],
    base_url: str | None,
) -> Study:
    if base_url is not None and base.kind != "openai":
        raise UsageError(f"'{base.kind}:{base.name}' needs no server; leave out --base-url")
    experiment = Experiment(name=name, evals=tuple(evals), others=others)
    return Study(
        name=name,
        base=base.name,
        experiments=(experiment,),
        provider=base.kind,
        base_url=base.name if base.kind == "recorded" else base_url,
    )
