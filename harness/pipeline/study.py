"""The whole story: tune or read checkpoints, ask, grade, judge, report.

Every command that evaluates is a study: ``harness run`` is one without tuned models,
``harness compare`` one whose tuned models have no epochs. The report is always made from the
run folder, so a run that was interrupted and resumed gives the report of one that was not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness import __version__
from harness.datasets import read_training
from harness.errors import ProviderError, RunFolderError, UsageError
from harness.graders import Judge
from harness.models.base import Provider
from harness.models.providers import Access
from harness.pipeline.asking import Asking, terms_of
from harness.pipeline.finished.folder_report import report_of
from harness.pipeline.folder.manifest import Manifest
from harness.pipeline.folder.runfolder import RunFolder, open_folder
from harness.pipeline.folder.timing import timed
from harness.pipeline.measuring.purses import purse_for
from harness.pipeline.orders.alternatives import Aside, check_alternatives, prompt_asides
from harness.pipeline.orders.caching import kept_for
from harness.pipeline.orders.order import Order
from harness.pipeline.orders.parts import check_parts
from harness.pipeline.orders.plans import plan_of
from harness.pipeline.orders.selection import prepared, selected, with_repeats
from harness.pipeline.orders.services import (
    Answering,
    Services,
    batching_for,
    judge_for,
    services_of,
)
from harness.pipeline.questions.bridging import Bridge, refuse_solvers
from harness.pipeline.questions.evaluation import Question
from harness.pipeline.questions.logs import WrittenLog, write_logs
from harness.pipeline.questions.looks import check_can_stop
from harness.pipeline.reporting.documents import Written, write_reports
from harness.prompts import train_probe
from harness.records import EvalSpec, Experiment, Finding, Sample, Study
from harness.registry import Registry
from harness.reports.document import Document
from harness.running.journal import Journal, latest
from harness.running.loop import driven
from harness.running.runner import Tally

if TYPE_CHECKING:  # what most runs do without
    from harness.pipeline.measuring.embedding import Embedder
    from harness.pipeline.questions.linting import Linted
    from harness.pipeline.watching import Watch
    from harness.running.distributed import Seat


@dataclass(frozen=True, slots=True)
class Finished:
    """A run's end: its report, where it lies, and what the run did."""

    document: Document
    written: Written
    folder: Path
    tally: Tally
    logs: tuple[WrittenLog, ...] = ()


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
    bridge = Bridge.of(specs.values(), registry, terms_of(order))
    kept = kept_for(order.study, access, order.judge_access, order.caching)
    judge = judge_for(order, specs.values(), access, kept)
    questions = {
        experiment.name: questions_of(experiment, specs, order, judge)
        for experiment in order.study.experiments
    }
    for question in {q.spec.name: q for qs in questions.values() for q in qs}.values():
        for finding in question.check():
            watch.noticed(question.spec.name, finding)
    linted = _linted(order.study, questions)
    for name, finding in _blocking(order.study, linted):
        watch.noticed(name, finding)
    for experiment in order.study.experiments:
        asked = [question.spec for question in questions[experiment.name]]
        check_alternatives(experiment, asked, looks=order.looks)
        check_parts(experiment)
    if order.looks is not None:
        check_can_stop(order.study, questions, batch=order.batch)
    embedder = _embedder(order, questions, watch)
    seat = _seat(order, access, specs)
    services = services_of(order, access)
    batching = batching_for(order, services, watch, kept)
    manifest = Manifest(plan_of(order, specs), order.command, __version__)
    folder = open_folder(order.out, manifest, resume=order.resume, overwrite=order.overwrite)
    _keep_lints(linted, folder)
    if batching is None:
        _check_no_batches(folder)
    with ExitStack() as stack:
        stack.enter_context(services.closing)
        journal = stack.enter_context(
            Journal.open(
                folder.journal, manifest.hash, resume=True, retry_failed=order.retry_failed
            )
        )
        models, asides = _tuned_models(order, questions, services, folder, watch)
        adopt(journal, order.adopted, {name for names in models.values() for name in names})
        answering = Answering(services.provider, judge, kept, batching)
        asking = Asking(order, questions, models, answering, bridge, asides, seat)
        with watch.evaluating(asking.size) as watching, timed(folder.journal, watching) as observer:
            tally = driven(asking.run(journal, observer), order.stop)
    for finding in kept.findings() if kept else ():
        watch.noticed(order.study.name, finding)
    if tally.failed and not (tally.answered or tally.skipped):
        raise ProviderError(_nothing_answered(folder, tally))
    document = report_of(folder.path, _notes(services.provider), order.prices, embedder)
    written = write_reports(document, folder.path)
    logs = write_logs(folder, manifest, created_by=order.created_by)
    return Finished(document, written, folder.path, tally, logs)


# --- before the first call -----------------------------------------------------------


def specs_of(order: Order, registry: Registry) -> dict[str, EvalSpec]:
    """The evals of every experiment by name, each once."""
    names = [
        name
        for experiment in order.study.experiments
        for name in (*experiment.evals, *experiment.forgetting)
    ]
    found = [prepared(registry.eval(name), order.study.base) for name in dict.fromkeys(names)]
    seeded = (replace(spec, seed=order.seed) for spec in with_repeats(found, order.repeats))
    return {spec.name: spec for spec in seeded}


def questions_of(
    experiment: Experiment, specs: dict[str, EvalSpec], order: Order, judge: Judge | None
) -> list[Question]:
    """The evals of an experiment, ready to be asked: first those that choose the epochs."""
    probe: list[Sample] = []
    if experiment.training_data is not None:
        probe = train_probe(read_training(experiment.training_data), experiment.train_probe)
    return [
        Question.of(
            specs[name],
            probe=probe if name in experiment.evals else (),
            endpoint=order.endpoint,
            max_samples=order.max_samples,
            judge=judge,
            allow_code=frozenset(order.allow_code),
        )
        for name in (*experiment.evals, *experiment.forgetting)
    ]


def _embedder(order: Order, questions: dict[str, list[Question]], watch: Watch) -> Embedder | None:
    """Who turns answers into vectors, tried before anything is paid for.

    A run that is taken up again does without the trial: its vectors may be known already, and
    what is paid for is reported anyway.

    Raises:
        UsageError, ProviderError: it cannot be reached, or does not answer as it should.
    """
    named = order.study.embeddings
    if named is None:
        return None
    from harness.pipeline.measuring.embedding import embedder_for

    embedder = embedder_for(named, order.embeddings_access, order.caching, order.limits)
    specs = [question.spec for group in questions.values() for question in group]
    if not any(spec.task == "open" and spec.answers_per_prompt > 1 for spec in specs):
        text = "no eval gives several answers to a prompt: embeddings are not used"
        watch.noticed(order.study.name, Finding("embeddings", "info", text))
        return None
    if order.looks is not None:
        raise UsageError(
            "--looks and --any-time cannot wait for --embeddings at every look; leave one out"
        )
    embedder.observer = watch.embedding
    if order.overwrite or not RunFolder(order.out).journal.exists():
        embedder.check()
    return embedder


def _seat(order: Order, access: Access, specs: Mapping[str, EvalSpec]) -> Seat | None:
    """How the workers of a cluster connect, where one is wanted."""
    if order.cluster is None:
        return None
    from harness.pipeline.questions.spreading import seat_for

    return seat_for(order, access, specs.values())


def _linted(study: Study, questions: dict[str, list[Question]]) -> list[Linted]:
    """What is wrong with the training data, before anybody pays for tuning on them."""
    if all(experiment.training_data is None for experiment in study.experiments):
        return []
    from harness.pipeline.questions.linting import lints_of

    return lints_of(study, questions)


def _blocking(study: Study, linted: list[Linted]) -> Iterable[tuple[str, Finding]]:
    """What should be mended first, once for each experiment that is to be tuned here."""
    tuned = {one.name for one in study.experiments if one.tuning is not None}
    seen: set[tuple[str, str]] = set()
    for one in linted:
        for finding in one.blocking if one.experiment in tuned else ():
            if (one.experiment, finding.rule) not in seen:
                seen.add((one.experiment, finding.rule))
                yield one.eval, finding


def _keep_lints(linted: list[Linted], folder: RunFolder) -> None:
    if linted:
        from harness.pipeline.questions.linting import keep

        keep(linted, folder)


# --- the run -------------------------------------------------------------------------


def _tuned_models(
    order: Order,
    questions: dict[str, list[Question]],
    services: Services,
    folder: RunFolder,
    watch: Watch,
) -> tuple[dict[str, list[str]], dict[str, list[Aside]]]:
    """The models to ask for each experiment: the base, every tuned one; and those beside them."""
    models, asides, study = {}, {}, order.study
    shelf = services.shelf if order.keeps_models else None
    for experiment in study.experiments:
        beside = prompt_asides(study.base, experiment)
        tuned = [*(c.model for c in experiment.tuned), *experiment.others]
        if experiment.tuning is not None:
            if services.tuning is None:
                raise UsageError(f"{study.provider}: this provider cannot tune")
            from harness.pipeline.orders.tuning import Tuner

            tuner = Tuner(services.tuning, folder, watch, services.keeps_models, shelf)
            heldout = list(questions[experiment.name][0].samples())
            runs = tuner.runs(study, experiment, heldout)
            for run in runs:
                made = [checkpoint.model for checkpoint in run.checkpoints]
                tuned += made if not run.part else []
                beside += map(Aside, made) if run.part else []
        models[experiment.name] = list(dict.fromkeys([study.base, *tuned]))
        asides[experiment.name] = beside
    return models, asides


def adopt(journal: Journal, others: Sequence[Path], models: Collection[str]) -> None:
    """Take over what these models answered in earlier rounds; they cost nothing here.

    Raises:
        RunFolderError: a journal that cannot be read.
    """
    for path in others:
        for outcome in latest(path):
            answer = (outcome.eval, outcome.model, outcome.sample_id, outcome.repeat)
            if outcome.model not in models or journal.holds((*answer, outcome.request_key)):
                continue
            told = outcome.completion
            journal.append(
                replace(outcome, completion=replace(told, replayed=True) if told else None)
            )


def _check_no_batches(folder: RunFolder) -> None:
    """Asking directly what a batch is answering would be paid twice."""
    under_way = folder.batches_under_way()
    if under_way:
        raise RunFolderError(
            f"{folder.path}: batches of this run are under way ({', '.join(under_way)}); "
            f"go on with --batch --resume, or cancel them: harness batches {folder.path} --cancel"
        )


def _nothing_answered(folder: RunFolder, tally: Tally) -> str:
    failures = (o.failure for o in latest(folder.journal) if o.failure is not None)
    why = next(failure.message for failure in failures)
    return f"none of {tally.failed:,} requests was answered: {why}"


def _notes(provider: Provider) -> tuple[str, ...]:
    return tuple(getattr(provider, "notes", ()))
