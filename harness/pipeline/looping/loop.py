"""Tune, evaluate, advise, and tune again as advised, until there is nothing more to change.

Every round is a run folder of its own (``round-1``, ``round-2``, ...) under the loop's. What comes
next is decided from the finished rounds alone, so that a loop that was killed goes on where it
was: a finished round is read, never run again. A round takes over the answers and checkpoints of
those before, and trains only where no checkpoint has the epochs that are advised.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from harness import __version__
from harness.analysis.cost import total
from harness.errors import CostCapReached, RunFolderError, UsageError
from harness.models.providers import Access
from harness.pipeline.finished.folder_report import report_of
from harness.pipeline.finished.rounds import chosen_by, tokens_trained
from harness.pipeline.folder import manifest as manifests
from harness.pipeline.folder.loop_folder import LOOP_FILE, ROUND
from harness.pipeline.folder.manifest import Manifest
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.looping.budget import Budget, Terms
from harness.pipeline.looping.course import NO_ADVICE, Course
from harness.pipeline.looping.next_step import Stop
from harness.pipeline.looping.report import STOPPED, sections_of, title
from harness.pipeline.orders.order import Order
from harness.pipeline.orders.plans import plan_of
from harness.pipeline.orders.selection import selected
from harness.pipeline.reporting.documents import Written, write_reports
from harness.pipeline.study import run_study, specs_of
from harness.pipeline.watching import Watch
from harness.records import Finding, Round, Study
from harness.registry import Registry
from harness.reports.document import Document, Section


@dataclass(frozen=True, slots=True)
class Looped:
    """A loop's end."""

    document: Document
    written: Written
    folder: Path
    stops: tuple[tuple[str, Stop], ...]


class LoopWatch(Watch, Protocol):
    """Whoever shows the progress of a loop."""

    def round_begins(self, number: int, plans: Sequence[str]) -> None:
        """A round begins; each plan says what an experiment does in it."""
        ...

    def round_ended(self, rows: Sequence[Round]) -> None:
        """A round has ended, or was read back; a row for each eval."""
        ...


def run_loop(
    order: Order, terms: Terms, registry: Registry, access: Access, watch: LoopWatch
) -> Looped:
    """Run a study in rounds; ``order.out`` is the folder of them all.

    Raises:
        HarnessError: something that the user can repair; finished rounds are kept.
    """
    study = selected(order.study, registry, watch.noticed)
    courses = [Course.begun(one, terms.start, study.provider) for one in study.experiments]
    order = replace(order, study=study)
    budget = Budget(terms, study, order.prices)
    budget.refuse_unaffordable(courses)
    _open(order, courses, registry)
    loop = _Loop(order, registry, access, watch, courses, budget)
    loop.run()
    document = loop.document()
    written = write_reports(document, order.out)
    stops = tuple((c.experiment.name, c.stop) for c in courses if c.stop)
    return Looped(document, written, order.out, stops)


def first_round(order: Order, terms: Terms, registry: Registry) -> Order:
    """The order of a loop's first round, to say what it would take."""
    study = selected(order.study, registry, lambda name, finding: None)
    courses = [Course.begun(one, terms.start, study.provider) for one in study.experiments]
    experiments = tuple(course.experiment for course in courses)
    out = order.out / f"{ROUND}1"
    return replace(order, study=replace(study, experiments=experiments), out=out)


# --- the beginning -------------------------------------------------------------------


def _open(order: Order, courses: Sequence[Course], registry: Registry) -> None:
    """Write down what the loop is, or see that its folder is the same one's."""
    if order.resume and order.overwrite:
        raise UsageError("a loop is resumed or begun anew, not both; leave out one of the two")
    study = replace(order.study, experiments=tuple(course.experiment for course in courses))
    plan = plan_of(replace(order, study=study), specs_of(order, registry))
    path, report = order.out / LOOP_FILE, order.out / "report.json"
    if order.overwrite and not RunFolder(order.out).exists():
        _clear(order.out)
    if not path.exists():
        if order.resume:
            raise RunFolderError(
                f"{order.out}: holds no loop to go on with; begin without --resume"
            )
        if RunFolder(order.out).exists():
            raise RunFolderError(f"{order.out}: holds a run, no loop; choose another --out")
        manifests.write(Manifest(plan, order.command, __version__), path)
        return
    if manifests.read(path).hash != plan.hash:
        raise RunFolderError(
            f"{order.out}: holds another loop (other data, evals, settings or first epochs); "
            "choose another --out, or begin anew with --overwrite"
        )
    if not (order.resume or report.exists()):
        raise RunFolderError(
            f"{order.out}: holds this loop, unfinished; go on with --resume, or begin anew with "
            "--overwrite"
        )


def _clear(path: Path) -> None:
    """Remove a loop's own files; whatever else lies in the folder stays."""
    for folder in path.glob(f"{ROUND}*"):
        shutil.rmtree(folder, ignore_errors=True)
    for name in (LOOP_FILE, "report.html", "report.md", "report.json", "junit.xml"):
        (path / name).unlink(missing_ok=True)


# --- rounds --------------------------------------------------------------------------


@dataclass(slots=True)
class _Loop:
    """A loop under way."""

    order: Order
    registry: Registry
    access: Access
    watch: LoopWatch
    courses: list[Course]
    budget: Budget
    last: dict[str, Path] = field(default_factory=dict)
    documents: dict[Path, Document] = field(default_factory=dict)

    def run(self) -> None:
        """Round after round until every experiment has stopped."""
        number = 0
        while self._active():
            number += 1
            for course in self._active():
                used = sum(one.tokens for one in self.courses)
                course.stop = self.budget.refusal(course, number, used)
            if not self._active():
                return
            try:
                self._round(number)
            except CostCapReached as error:
                if number == 1:
                    raise
                raised = ("--max-cost", f"{2 * (self.budget.terms.max_cost or 0):.2f}")
                for course in self._active():
                    course.stop = course.out_of_budget(str(error), raised)

    def _active(self) -> list[Course]:
        return [course for course in self.courses if course.stop is None]

    def _round(self, number: int) -> None:
        active = self._active()
        self.watch.round_begins(number, [course.plan for course in active])
        folder, study = self._folder(number), self._study(active)
        document = self._document(folder, study, active)
        self.documents[folder] = document
        manifest = RunFolder(folder).read()
        cost = self.budget.pay(folder, document)
        for course in active:
            told = [s for e, s in chosen_by(manifest, document) if e.name == course.experiment.name]
            tokens = tokens_trained(RunFolder(folder), course.experiment.name)
            self.last[course.experiment.name] = folder
            course.take_in(
                told,
                Round(
                    number,
                    course.experiment.name,
                    "",
                    0,
                    NO_ADVICE,
                    tokens=tokens,
                    cost_usd=cost,
                    folder=folder.name,
                ),
            )
            course.take_over(folder)
        self.watch.round_ended([r for c in active for r in c.rows if r.number == number])

    def _folder(self, number: int) -> Path:
        return self.order.out / f"{ROUND}{number}"

    def _study(self, active: Sequence[Course]) -> Study:
        return replace(self.order.study, experiments=tuple(c.experiment for c in active))

    def _document(self, folder: Path, study: Study, active: Sequence[Course]) -> Document:
        """A round's report: read where the round is finished, else run to its end."""
        run = RunFolder(folder)
        if run.complete():
            return report_of(folder, prices=self.order.prices)
        order = replace(
            self.order,
            study=study,
            out=folder,
            resume=run.exists(),
            overwrite=False,
            after=tuple(replace(r, cost_usd=None) for c in self.courses for r in c.rows),
            adopted=tuple(p / "journal.jsonl" for p in list(self.documents)[-1:]),
            keeps_models=True,
            max_cost=self.budget.left_for_answers(active),
        )
        return run_study(order, self.registry, self.access, self.watch).document

    # --- the report ------------------------------------------------------------------

    def document(self) -> Document:
        """All rounds in one report: the table of rounds, and each experiment as it stands last."""
        sections: list[Section] = []
        for course in self.courses:
            folder = self.last[course.experiment.name]
            manifest, document = RunFolder(folder).read(), self.documents[folder]
            sections += sections_of(course.experiment.name, manifest, document)
        latest = self.documents[list(self.documents)[-1]]
        shown = manifests.read(self.order.out / LOOP_FILE)
        return replace(
            latest,
            title=title(self.order.study.name),
            description=self.order.study.description,
            sections=tuple(sections),
            rounds=tuple(r for course in self.courses for r in course.rows),
            findings=(*latest.findings, *_stops(self.courses)),
            provenance=replace(
                latest.provenance,
                command=shown.command,
                study_hash=shown.hash,
                cost_usd=total(self.budget.spent_usd),
            ),
            performance=None,
        )


def _stops(courses: Sequence[Course]) -> Iterator[Finding]:
    for course in courses:
        if course.stop is not None:
            yield Finding(
                STOPPED,
                "info",
                f"{course.experiment.name}: {course.stop.text}",
                {
                    "experiment": course.experiment.name,
                    "why": course.stop.why,
                    "model": course.stop.model,
                    "epochs": course.stop.epochs,
                },
            )
