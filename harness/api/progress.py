"""Shows how far a run is: a bar in a notebook or on a terminal, lines where these are asked for.

Whoever shows something is told about it from the thread that runs the study.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from html import escape
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from harness.records import Finding

if TYPE_CHECKING:
    from harness.finetuning.jobs import TuningProgress
    from harness.records import Outcome
    from harness.running.batch_dispatch import BatchProgress
    from harness.running.loop import Stop
    from harness.running.runner import Tally

REDRAWN_EVERY_S = 0.2
TENTHS = 10


class Screen(Protocol):
    """Where progress is drawn."""

    def draw(self, done: int, total: int, text: str) -> None:
        """Show that so much of it is done."""
        ...

    def close(self) -> None:
        """Nothing more comes."""
        ...


class Nowhere:
    """Draws nothing."""

    def draw(self, done: int, total: int, text: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines:
    """A line on standard error for each tenth."""

    def __init__(self) -> None:
        self._shown: tuple[str, int] | None = None

    def draw(self, done: int, total: int, text: str) -> None:
        """A line where another tenth is done."""
        place = (text.partition(":")[0], done * TENTHS // max(total, 1))
        if place != self._shown:
            self._shown = place
            sys.stderr.write(f"harness: {text}\n")

    def close(self) -> None:
        """Nothing."""


class Terminal:
    """A bar on standard error, gone when the run is."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
        )
        self._bars = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bars.add_task("", total=None)
        self._bars.start()

    def draw(self, done: int, total: int, text: str) -> None:
        """Move the bar."""
        self._bars.update(self._task, completed=done, total=total or None, description=text)

    def close(self) -> None:
        """Take the bar away."""
        self._bars.stop()


class Notebook:
    """A bar below the cell, gone when the run is."""

    def __init__(self) -> None:
        from IPython import display

        shown: Any = display
        self._html = shown.HTML
        self._handle = shown.display(shown.HTML(""), display_id=True)

    def draw(self, done: int, total: int, text: str) -> None:
        """Move the bar."""
        place = f'max="{total}" value="{done}"' if total else ""
        style = "width:16em;vertical-align:middle;margin-right:.6em"
        bar = f'<progress {place} style="{style}"></progress>'
        words = f'<span style="font-variant-numeric:tabular-nums">{escape(text)}</span>'
        self._show(bar + words)

    def close(self) -> None:
        """Take the bar away."""
        self._show("")

    def _show(self, html: str) -> None:
        if self._handle is not None:
            with suppress(OSError, RuntimeError):  # the notebook is gone; the run is not
                self._handle.update(self._html(html))


def screen(wanted: bool | None) -> Screen:
    """Where to draw; None: in notebooks and terminals only."""
    if wanted is False:
        return Nowhere()
    if in_notebook():
        return Notebook()
    if sys.stderr is not None and sys.stderr.isatty():
        return Terminal()
    return Lines() if wanted else Nowhere()


def in_notebook() -> bool:
    """Does a notebook's kernel run this?"""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"


class Watching:
    """Watches one run, shows how far it is, and keeps what there was to notice.

    A study that is to stop while it tunes stops at the next step that it tells of.
    """

    def __init__(self, shown: Screen, stop: Stop) -> None:
        self.notices: list[tuple[str, Finding]] = []
        self._shown, self._stop = shown, stop
        self._due_s = 0.0

    # --- what a study tells ----------------------------------------------------------

    def tuning(self, label: str, progress: TuningProgress) -> None:
        """One event of a tuning job."""
        loss = f", loss {progress.train_loss:.2f}" if progress.train_loss is not None else ""
        self._draw(progress.step or 0, progress.total_steps or 0, f"tuning {label}: step ", loss)

    def tuned(self, label: str) -> None:
        """A tuning job has ended."""

    def batched(self, progress: BatchProgress) -> None:
        """The server was asked how far its batches are."""
        self._draw(progress.completed + progress.failed, progress.requests, "batches: ", "")

    def noticed(self, eval_name: str, finding: Finding) -> None:
        """Something about an eval that its user should know."""
        self.notices.append((eval_name, finding))

    def embedding(self, texts: int) -> None:
        """So many texts have vectors by now."""
        self._draw(texts, 0, "embedding: ", " texts")

    @contextmanager
    def evaluating(self, total: int) -> Iterator[Watching]:
        """Answers begin to come in."""
        self._total = total
        yield self

    def observe(self, outcome: Outcome, tally: Tally) -> None:
        """See one answer."""
        done = tally.answered + tally.failed + tally.skipped
        if done < self._total and monotonic() < self._due_s:
            return
        failed = f", {tally.failed:,} failed" if tally.failed else ""
        cost = f", ${tally.cost_usd:,.4f}" if tally.cost_usd else ""
        self._draw(done, self._total, "answers: ", failed + cost)

    # --- drawing ---------------------------------------------------------------------

    def _draw(self, done: int, total: int, before: str, behind: str) -> None:
        if self._stop.asked:
            raise KeyboardInterrupt
        if done < total and monotonic() < self._due_s:
            return
        self._due_s = monotonic() + REDRAWN_EVERY_S
        of_all = f" of {total:,}" if total else ""
        self._shown.draw(done, total, f"{before}{done:,}{of_all}{behind}")

    def close(self) -> None:
        """The run is over."""
        self._shown.close()
