"""What a terminal shows of a study: progress while it runs, its verdicts at the end.

Progress goes to standard error, results to standard output. Models' and servers' words are
untrusted: they are shown without markup and without control characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from harness.cli.gateview import gate_lines
from harness.cli.terminal import Output, plain
from harness.cli.termination import sigterm_left_to_the_run
from harness.errors import is_for_good

if TYPE_CHECKING:
    from harness.finetuning.jobs import TuningProgress
    from harness.pipeline import Finished
    from harness.records import Finding, Outcome
    from harness.reports.document import Document
    from harness.running.batch_dispatch import BatchProgress
    from harness.running.runner import Tally

TENTHS = 10
MOST_GATE_LINES = 8
"""What a gate may take of a screen that shows a verdict, too."""


class RateColumn(ProgressColumn):
    """Steps or answers a second."""

    def render(self, task: Task) -> Text:
        """The rate, once there is one."""
        return Text(f"{task.speed:.0f}/s" if task.speed else "")


class StudyView:
    """Shows a study on the terminal; use it as a context manager.

    Without a terminal, or with --plain, it prints a line for each tuning job and each tenth of the
    answers.
    """

    def __init__(self, output: Output | None = None) -> None:
        output = output or Output()
        self._err = output.progress
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            RateColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=self._err,
            disable=not output.redraws,
        )
        self._tuning: dict[str, TaskID] = {}
        self._last_loss: dict[str, float] = {}
        self._batches: TaskID | None = None
        self._shown_batches = (-1, -1)
        self._embedding: TaskID | None = None
        self._embedded = 0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bars.stop()

    # --- tuning ----------------------------------------------------------------------

    def tuning(self, label: str, progress: TuningProgress) -> None:
        """One event of a tuning job."""
        if label not in self._tuning:
            self._tuning[label] = self._bars.add_task(f"tuning {label}", total=None, note="")
        if progress.step is None:
            return
        note = f"loss {progress.train_loss:.2f}" if progress.train_loss is not None else ""
        if progress.train_loss is not None:
            self._last_loss[label] = progress.train_loss
        self._bars.update(
            self._tuning[label], completed=progress.step, total=progress.total_steps, note=note
        )

    def tuned(self, label: str) -> None:
        """A tuning job has ended."""
        loss = self._last_loss.get(label)
        self._line(f"tuned {label}" + (f": training loss {loss:.2f}" if loss is not None else ""))

    def noticed(self, eval_name: str, finding: Finding) -> None:
        """Something about an eval that its user should know before it is asked."""
        text = f"{finding.severity}: {plain(eval_name)}: {plain(finding.message)}"
        self._err.print(Text(text), soft_wrap=True)

    # --- batches ---------------------------------------------------------------------

    def batched(self, progress: BatchProgress) -> None:
        """The server was asked how far its batches are."""
        done = progress.completed + progress.failed
        note = batches_note(progress)
        if self._batches is None:
            self._batches = self._bars.add_task("batches", total=None, note="")
        self._bars.update(self._batches, completed=done, total=progress.requests, note=note)
        shown = (progress.ended, done * TENTHS // max(progress.requests, 1))
        if shown != self._shown_batches:
            self._shown_batches = shown
            self._line(f"batches: {done:,} of {progress.requests:,} requests done  {note}".rstrip())

    # --- embedding -------------------------------------------------------------------

    def embedding(self, texts: int) -> None:
        """So many answers have vectors by now."""
        if self._embedding is None:
            self._embedding = self._bars.add_task("embedding answers", total=None, note="")
        self._bars.update(self._embedding, completed=texts)
        if texts - self._embedded >= A_LINE_EVERY:
            self._embedded = texts
            self._line(f"embedded {texts:,} answers")

    # --- evaluating ------------------------------------------------------------------

    @contextmanager
    def evaluating(self, total: int) -> Iterator[Answers]:
        """Answers begin to come in."""
        task = self._bars.add_task("evaluating", total=total, note="")
        with sigterm_left_to_the_run():
            yield Answers(self, task, total)

    def advance(self, task: TaskID, done: int, note: str) -> None:
        """Move the bar of answers."""
        self._bars.update(task, completed=done, note=note)

    @property
    def shows_bars(self) -> bool:
        """Is there a terminal to show them on?"""
        return not self._bars.disable

    def _line(self, text: str) -> None:
        """A line where there is no bar to look at."""
        if self._bars.disable:
            self._err.print(Text(text), soft_wrap=True)

    def tenth(self, done: int, total: int, note: str) -> None:
        """A line for each tenth of the answers, where there is no bar."""
        of_all = f" of {total:,}" if total else ""
        self._line(f"evaluated {done:,}{of_all} answers  {note}".rstrip())


REDRAWN_EVERY_S = 0.1
A_LINE_EVERY = 2_000
"""Embedded answers to a line, where there is no bar."""

MANY_ENOUGH = 2


class Answers:
    """Watches the answers of a run; called for every one, so it mostly does nothing."""

    def __init__(self, view: StudyView, task: TaskID, total: int) -> None:
        self._view, self._task, self._total = view, task, total
        self._step = max(1, total // TENTHS)
        self._next = self._step
        self._due_s = 0.0
        self._began_s = monotonic()

    def observe(self, outcome: Outcome, tally: Tally) -> None:
        """See one answer."""
        done = tally.answered + tally.failed + tally.skipped
        if self._view.shows_bars and (done >= self._total or monotonic() >= self._due_s):
            self._due_s = monotonic() + REDRAWN_EVERY_S
            self._view.advance(self._task, done, course(tally))
        if done >= self._next:
            note = f"{self._speed(tally, done)}  {course(tally)}".strip()
            self._view.tenth(done, self._total, note)
            self._next = done - done % self._step + self._step

    def _speed(self, tally: Tally, done: int) -> str:
        """Answers a second, and how long the others will take."""
        new, seconds = tally.answered + tally.failed, monotonic() - self._began_s
        if new < MANY_ENOUGH or seconds <= 0:
            return ""
        left_s = max(self._total - done, 0) * seconds / new
        return f"{new / seconds:.3g}/s" + (f"  {duration(left_s)} left" if left_s else "")


def duration(seconds: float) -> str:
    """Hours, minutes and seconds."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}"


def course(tally: Tally) -> str:
    """How a run goes: requests at a time where that is found by itself, cost, totals."""
    parts = [f"{tally.window} at a time"] if tally.window else []
    if tally.cost_usd:
        parts.append(f"${tally.cost_usd:.4f}" if tally.cost_usd < 1 else f"${tally.cost_usd:,.2f}")
    return "  ".join([*parts, totals(tally)]).strip()


def batches_note(progress: BatchProgress) -> str:
    """How many batches there are, what failed, and how long it may take."""
    parts = [f"{progress.ended} of {progress.batches} batches ended"]
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.remaining_s:
        minutes = progress.remaining_s / 60
        parts.append(f"{minutes:.0f} min to go" if minutes >= 1 else "less than a minute to go")
    return "  ".join(parts)


def totals(tally: Tally) -> str:
    """Failures and tokens so far."""
    tokens = tally.prompt_tokens + tally.completion_tokens
    parts = [f"{tokens:,} tokens"] if tokens else []
    if tally.failed:
        kinds = ", ".join(f"{count} {kind}" for kind, count in tally.failures.most_common(3))
        parts.append(f"{tally.failed:,} failed ({kinds})")
    if tally.retries:
        parts.append(f"{tally.retries:,} retries")
    return "  ".join(parts)


# --- the end -------------------------------------------------------------------------


def show(finished: Finished, output: Output) -> None:
    """Print the verdict and where the report lies; or the report as JSON."""
    tally = finished.tally
    notes = []
    if tally.from_cache:
        notes.append(f"{tally.from_cache:,} requests were answered from the cache.")
    if tally.skipped and not tally.answered and not tally.failed:
        notes.append("Everything was answered already: nothing was asked.")
    if tally.failed:
        notes.append(f"{tally.failed:,} answers failed and are excluded: {totals(tally)}")
        notes.append(repair_of_failures(tally.failures, finished.document))
    show_document(finished.document, output, [*notes, f"Report: {finished.written.html}"])


def repair_of_failures(failures: Iterable[str], document: Document) -> str:
    """How to get what failed: by asking again, unless all of it was refused for good."""
    kinds = set(failures)
    if not all(map(is_for_good, kinds)):
        return "Ask them again with --resume --retry-failed."
    excluded = (one for section in document.sections for one in section.exclusions)
    reason = next((one.example for one in excluded if one.kind in kinds), "")
    return f"Asking again would bring the same: {reason or 'the server refuses these requests'}"


def show_document(document: Document, output: Output, notes: Sequence[str] = ()) -> None:
    """Print what a report says first, its gate and some notes, on one screen; or it as JSON.

    Notes are told beside JSON, too: on standard error.
    """
    if output.as_json:
        from harness.reports.json import render_json

        print(render_json(document))
        output.tell(*notes)
        return
    from harness.cli.verdict import MOST_LINES, verdict

    screen = output.screen
    room = MOST_LINES - len(notes)
    decided = gate_lines(document.gate, screen, MOST_GATE_LINES) if document.gate else []
    lines = verdict(document, screen, room - len(decided))
    if len(lines) + len(decided) < room and (decided or notes):
        lines.append(Text())
    screen.show([*lines, *decided])
    output.tell(*notes)


def say_notices(notices: Iterable[tuple[str, Finding]]) -> None:
    """Print what is to be known before a run begins."""
    err = Console(stderr=True, highlight=False)
    for subject, finding in notices:
        text = f"{finding.severity}: {plain(subject)}: {plain(finding.message)}"
        err.print(Text(text), soft_wrap=True)
