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
from typing import Literal, Protocol

from harness import __version__
from harness.analysis.advice import REVERSES
from harness.analysis.cost import TUNED, Training, total
from harness.datasets import read_training
from harness.errors import CostCapReached, RunFolderError, UsageError
from harness.models.providers import Access
from harness.pipeline import manifest as manifests
from harness.pipeline.folder_report import report_of
from harness.pipeline.loop_folder import LOOP_FILE, ROUND
from harness.pipeline.loop_report import STOPPED, sections_of, title
from harness.pipeline.manifest import Manifest
from harness.pipeline.order import Order
from harness.pipeline.plans import plan_of
from harness.pipeline.reporting import Written, write_reports
from harness.pipeline.rounds import chosen_by, row, tokens_trained
from harness.pipeline.runfolder import RunFolder
from harness.pipeline.selection import selected
from harness.pipeline.spending import Payers
from harness.pipeline.study import Watch, run_study, specs_of
from harness.pipeline.training_cost import training_of
from harness.pipeline.tuning import read_tuning
from harness.records import Advice, Checkpoint, Experiment, Finding, Round, Study, Tuning
from harness.registry import Registry
from harness.registry.prices import load_prices
from harness.reports import verdicts
from harness.reports.document import Document, Section

Why = Literal["keep", "checkpoint", "fix", "measure", "reversal", "disagreement", "budget"]


@dataclass(frozen=True, slots=True)
class Terms:
    """Where a loop begins and what it may take.

    ``start`` None begins with the study's own epochs. ``max_cost`` is in US dollars and covers
    training and answers, ``max_tokens`` counts trained tokens; None has no bound.
    """

    start: int | None = None
    max_rounds: int = 4
    max_cost: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Why an experiment needs no further round, and what to use."""

    why: Why
    text: str
    model: str | None = None
    epochs: float | None = None


@dataclass(slots=True)
class Course:
    """How far one experiment has come: where it stands, what is known, and whether it goes on."""

    experiment: Experiment
    epochs: int
    change: int = 0
    rows: list[Round] = field(default_factory=list)
    known: tuple[Checkpoint, ...] = ()
    sections: tuple[Section, ...] = ()
    stop: Stop | None = None
    tokens: int = 0
    training: Training | None = None


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
    courses = [_begun(experiment, terms) for experiment in study.experiments]
    order = replace(order, study=study)
    _open(order, courses, registry)
    loop = _Loop(order, terms, registry, access, watch, courses)
    loop.run()
    document = loop.document()
    written = write_reports(document, order.out)
    stops = tuple((c.experiment.name, c.stop) for c in courses if c.stop)
    return Looped(document, written, order.out, stops)


def first_round(order: Order, terms: Terms, registry: Registry) -> Order:
    """The order of a loop's first round, to say what it would take."""
    study = selected(order.study, registry, lambda name, finding: None)
    experiments = tuple(_begun(one, terms).experiment for one in study.experiments)
    out = order.out / f"{ROUND}1"
    return replace(order, study=replace(study, experiments=experiments), out=out)


# --- the beginning -------------------------------------------------------------------


def _begun(experiment: Experiment, terms: Terms) -> Course:
    tuning, data = experiment.tuning, experiment.training_data
    if tuning is None or data is None:
        raise UsageError(
            f"experiment '{experiment.name}' names tuned models; a loop tunes: give it 'tune' and "
            "'training_data'"
        )
    examples = read_training(data)
    start = terms.start or max(tuning.epochs)
    spares = ladder(start) if terms.start else tuple(e for e in tuning.epochs if e < start)
    first = replace(experiment, tuning=replace(tuning, epochs=(start,), spares=spares))
    return Course(replace(first, doubling=None), start, training=training_of((), examples))


def _open(order: Order, courses: Sequence[Course], registry: Registry) -> None:
    """Write down what the loop is, or see that its folder is the same one's."""
    study = replace(order.study, experiments=tuple(course.experiment for course in courses))
    plan = plan_of(replace(order, study=study), specs_of(order, registry))
    path, report = order.out / LOOP_FILE, order.out / "report.json"
    if order.overwrite:
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


def ladder(epochs: int) -> tuple[int, ...]:
    """The epochs before the last that are judged too, where their checkpoints are kept.

    The last ones show the trend, halves of the way where a peak may have been.
    """
    near = (epochs - 1, epochs - 2)
    far = (epochs // 2, epochs // 4, 1)
    return tuple(sorted({e for e in (*near, *far) if 1 <= e < epochs}))


# --- rounds --------------------------------------------------------------------------


@dataclass(slots=True)
class _Loop:
    """A loop under way."""

    order: Order
    terms: Terms
    registry: Registry
    access: Access
    watch: LoopWatch
    courses: list[Course]
    spent_usd: list[float | None] = field(default_factory=list)
    last: dict[str, Path] = field(default_factory=dict)
    documents: dict[Path, Document] = field(default_factory=dict)

    def run(self) -> None:
        """Round after round until every experiment has stopped."""
        number = 0
        while self._active():
            number += 1
            for course in self._active():
                course.stop = self._unaffordable(course, number)
            if not self._active():
                return
            try:
                self._round(number)
            except CostCapReached as error:
                if number == 1:
                    raise
                for course in self._active():
                    course.stop = _out_of_budget(course, str(error))

    def _active(self) -> list[Course]:
        return [course for course in self.courses if course.stop is None]

    def _round(self, number: int) -> None:
        active = self._active()
        self.watch.round_begins(number, [_plan(course) for course in active])
        folder, study = self._folder(number), self._study(active)
        document = self._document(folder, study)
        self.documents[folder] = document
        manifest = RunFolder(folder).read()
        cost = self._paid(folder, document, active)
        self.spent_usd.append(cost)
        for course in active:
            told = [s for e, s in chosen_by(manifest, document) if e.name == course.experiment.name]
            tokens = tokens_trained(RunFolder(folder), course.experiment.name)
            self.last[course.experiment.name] = folder
            self._take_in(
                course,
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
            course.known = _checkpoints(folder, course)
        self.watch.round_ended([r for c in active for r in c.rows if r.number == number])

    def _folder(self, number: int) -> Path:
        return self.order.out / f"{ROUND}{number}"

    def _study(self, active: Sequence[Course]) -> Study:
        return replace(self.order.study, experiments=tuple(c.experiment for c in active))

    def _document(self, folder: Path, study: Study) -> Document:
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
            max_cost=self._left(study),
        )
        return run_study(order, self.registry, self.access, self.watch).document

    # --- after a round ---------------------------------------------------------------

    def _take_in(self, course: Course, told: Sequence[Section], about: Round) -> None:
        """Note how a round ended, and say whether and where to go on.

        Where a checkpoint with the advised epochs exists, it is looked at without any training.
        """
        course.sections = tuple(told)
        course.tokens += about.tokens or 0
        trained, epochs = True, course.epochs
        while course.stop is None:
            standing = [(s, a) for s in told if (a := standing_at(s, epochs)) is not None]
            course.rows += [row(s, a, replace(about, trained=trained)) for s, a in standing]
            step = next_step([a for _, a in standing], course.change, told)
            if isinstance(step, Stop):
                course.stop = step
                return
            course.change, epochs = step, epochs + step
            course.epochs = epochs
            if not all(any(a.epochs == epochs for a in s.advice) for s in told):
                return
            trained, about = False, replace(about, tokens=0, cost_usd=0.0)

    # --- what it costs ---------------------------------------------------------------

    @property
    def _payers(self) -> Payers:
        tables = load_prices() if self.order.prices is None else self.order.prices
        return Payers.of(self.order.study, tables)

    def _training_usd(self, tokens: float) -> float | None:
        price = self._payers.price("model", TUNED + self.order.study.base.removeprefix(TUNED))
        return Training(tokens, price).cost_usd(1)

    def _next_tokens(self, course: Course) -> int:
        """What the next round of an experiment trains, all seeds together."""
        tuning = course.experiment.tuning
        seeds = len(tuning.seeds) if tuning else 1
        return round(
            (course.training.tokens_per_epoch if course.training else 0) * course.epochs * seeds
        )

    def _paid(self, folder: Path, document: Document, active: Sequence[Course]) -> float | None:
        """What a round cost: its training and the answers that it did not take over."""
        trained = [tokens_trained(RunFolder(folder), c.experiment.name) for c in active]
        training = [self._training_usd(t) if t is not None else None for t in trained]
        answers = [s.cost_usd for s in document.performance.models] if document.performance else []
        return total([*training, *answers])

    def _left(self, study: Study) -> float | None:
        """What the answers of the next round may cost."""
        if self.terms.max_cost is None:
            return None
        training = total(
            self._training_usd(self._next_tokens(c))
            for c in self.courses
            if c.experiment.name in {e.name for e in study.experiments}
        )
        spent = total(self.spent_usd)
        if training is None or spent is None:
            raise UsageError(
                f"--max-cost needs the price of training {self.order.study.base!r} (its 'ft:' "
                "entry with 'training'); name a file that has it with --prices, or bound tokens "
                "with --max-tokens"
            )
        return max(0.0, self.terms.max_cost - spent - training)

    def _unaffordable(self, course: Course, number: int) -> Stop | None:
        """Why the next round of an experiment may not begin, if so."""
        if number > self.terms.max_rounds:
            rounds = f"{self.terms.max_rounds} round{'s' if self.terms.max_rounds > 1 else ''}"
            return _out_of_budget(course, f"the budget of {rounds} is spent (--max-rounds)")
        tokens = self._next_tokens(course)
        used = sum(one.tokens for one in self.courses)
        if self.terms.max_tokens is not None and used + tokens > self.terms.max_tokens:
            if number == 1:
                raise UsageError(
                    f"--max-tokens {self.terms.max_tokens:,}: the first round alone trains about "
                    f"{tokens:,} tokens ({course.epochs} epochs); raise it, or begin with fewer "
                    "--epochs"
                )
            return _out_of_budget(
                course,
                f"the next round would train about {tokens:,} tokens, "
                f"{max(0, self.terms.max_tokens - used):,} are left of --max-tokens",
            )
        if self.terms.max_cost is None:
            return None
        cost, spent = self._training_usd(tokens), total(self.spent_usd)
        if cost is None or spent is None or spent + cost <= self.terms.max_cost:
            return None
        if number == 1:
            raise UsageError(
                f"--max-cost ${self.terms.max_cost:.2f}: training the first round alone costs "
                f"about ${cost:.2f}; raise it, or begin with fewer --epochs"
            )
        return _out_of_budget(
            course,
            f"training the next round would cost about ${cost:.2f}, "
            f"${max(0.0, self.terms.max_cost - spent):.2f} are left of --max-cost",
        )

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
                cost_usd=total(self.spent_usd),
            ),
            performance=None,
        )


NO_ADVICE = Advice("", "", 0, 0, "", 0, "", "low", (), "")


def _plan(course: Course) -> str:
    epochs = f"{course.epochs} epoch{'s' if course.epochs != 1 else ''}"
    return f"{course.experiment.name}: train {epochs}"


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


def _checkpoints(folder: Path, course: Course) -> tuple[Checkpoint, ...]:
    """Every checkpoint that is judged by now; the next round takes them over.

    The experiment is made ready for that round: it trains to the advised epochs, and judges of
    the checkpoints on the way those that nobody knows yet.
    """
    experiment = course.experiment
    tuning = experiment.tuning or Tuning((course.epochs,))
    judged = {*tuning.epochs, *tuning.spares}
    runs = [r for r in read_tuning(RunFolder(folder).tuning) if r.experiment == experiment.name]
    new = [c for r in runs if not r.part for c in r.checkpoints if round(c.epoch) in judged]
    course.training = training_of(runs, ()) or course.training
    known = (*experiment.tuned, *new)
    seen = {round(checkpoint.epoch) for checkpoint in known}
    spares = tuple(e for e in ladder(course.epochs) if e not in seen)
    course.experiment = replace(
        experiment, tuned=known, tuning=replace(tuning, epochs=(course.epochs,), spares=spares)
    )
    return known


# --- what comes next -----------------------------------------------------------------


def standing_at(section: Section, epochs: float) -> Advice | None:
    """The advice after so many epochs; or that of the checkpoint it says to use, if to keep it."""
    at = next((a for a in section.advice if a.epochs == epochs), None)
    if at is None:
        return None
    return verdicts.leading([a for a in section.advice if a.epochs <= at.epochs])


def next_step(advices: Sequence[Advice], change: int, told: Sequence[Section]) -> int | Stop:
    """The change in epochs to try next, or why there is none; ``change`` is what led here."""
    if not advices:
        return Stop("measure", "nothing was measured that advice could rest on")
    reversing = next((a for a in advices if a.action == REVERSES), None)
    if reversing is not None:
        text = f"{reversing.diagnosis}, but the advice would reverse the change before"
        return _stop("reversal", reversing, text)
    faulty = [a for a in advices if verdicts.kind(a) == "fix"]
    if faulty:
        first = faulty[0]
        return _stop("fix", first, f"{first.diagnosis}: {first.action}")
    changes = [a.recommend for a in advices if a.recommend]
    if not changes:
        unsure = [a for a in advices if verdicts.kind(a) == "unsure"]
        if unsure:
            return _stop("measure", unsure[0], f"{unsure[0].diagnosis}: {unsure[0].action}")
        return _stop("keep", advices[0], _kept(advices[0]))
    if min(changes) < 0 < max(changes):
        sides = ", ".join(f"{a.eval} {a.recommend:+d}" for a in advices if a.recommend)
        return _stop("disagreement", advices[0], f"the evals advise opposite changes: {sides}")
    step = min(changes, key=abs)
    deciding = next(a for a in advices if a.recommend == step)
    if change * step < 0:
        text = f"the advice ({step:+d}) would reverse the change before ({change:+d})"
        return _stop("reversal", deciding, text)
    if step < 0 and _has_usable(deciding, told):
        text = (
            f"{deciding.diagnosis}: the checkpoint of epoch {deciding.checkpoint_epoch:g} exists "
            "and needs no training"
        )
        return _stop("checkpoint", deciding, text)
    return step


def _has_usable(advice: Advice, told: Sequence[Section]) -> bool:
    """Is there an earlier checkpoint to use, of which nobody says that it has too many epochs?"""
    if advice.checkpoint is None or advice.checkpoint_epoch is None:
        return False
    if advice.checkpoint_epoch >= advice.epochs:
        return False
    states = [a for s in told for a in s.advice if a.epochs == advice.checkpoint_epoch]
    return all(a.recommend >= 0 and verdicts.kind(a) != "fix" for a in states)


def _kept(advice: Advice) -> str:
    epoch = advice.checkpoint_epoch if advice.checkpoint_epoch is not None else advice.epochs
    return f"{advice.diagnosis}: nothing more to change after {epoch:g} epochs"


def _stop(why: Why, advice: Advice, text: str) -> Stop:
    epochs = advice.checkpoint_epoch if advice.checkpoint else advice.epochs
    return Stop(why, text, advice.checkpoint or advice.model, epochs)


def _out_of_budget(course: Course, text: str) -> Stop:
    last = course.rows[-1].advice if course.rows else NO_ADVICE
    stands = f"; the advice stands: {last.recommend:+d} epochs" if last.recommend else ""
    return _stop("budget", last, text + stands)
