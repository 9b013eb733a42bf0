"""What a terminal shows of a tuning job: progress while it runs, its checkpoints at the end.

Progress goes to standard error, results to standard output. Servers' words are untrusted: they
are shown without markup and without control characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from harness.finetuning.curves import Curve
    from harness.finetuning.exports import TuningResult
    from harness.finetuning.jobs import TuningProgress
    from harness.finetuning.training_run import TrainingRun
    from harness.records import Checkpoint

BARS = "▁▂▃▄▅▆▇█"
HEADINGS = (
    "\nepoch",
    "\nstep",
    "train\nloss",
    "valid\nloss",
    "train token\naccuracy",
    "valid token\naccuracy",
)
SPARK_WIDTH = 40
LIVE_WIDTH = 16
"""Of the curve beside the bar, while the job runs."""
MOST_ROWS = 25
WIDEST = 1000
"""Names and commands stay in one piece, to be copied, also where the terminal is narrow."""


class RateColumn(ProgressColumn):
    """Steps a second."""

    def render(self, task: Task) -> Text:
        """The rate, once there is one."""
        return Text(f"{task.speed:.1f} steps/s" if task.speed else "")


class TuningView:
    """Shows a job on the terminal."""

    def __init__(self) -> None:
        self._out = Console(highlight=False, width=WIDEST)
        self._err = Console(stderr=True, highlight=False)

    def say(self, text: str) -> None:
        """Print a sentence."""
        self._out.print(Text(text))

    def follow(self, events: Iterable[TuningProgress]) -> None:
        """Show a job's events as they come, steps as a bar with rate, time left and losses."""
        columns = (
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            RateColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}", markup=False),
        )
        with Progress(*columns, console=self._err, transient=True) as bar:
            task = bar.add_task("training", total=None, losses="")
            last = ""
            seen: list[float] = []
            for event in events:
                last = losses(event, last)
                if event.step is not None:
                    seen += [event.train_loss or 0.0] if is_finite(event.train_loss) else []
                    drawn = f"{sparkline(seen, LIVE_WIDTH)}  {last}" if seen else last
                    bar.update(task, completed=event.step, total=event.total_steps, losses=drawn)
                told = event.step is None and event.level != "error"  # errors end the command
                if told or self._is_line(event):
                    bar.console.print(Text(plain(event.message)), soft_wrap=True)

    def _is_line(self, step: TuningProgress) -> bool:
        """Whether a step deserves a line: without a live bar, those that end an epoch do."""
        return step.valid_loss is not None and not self._err.is_terminal

    def show_run(self, run: TrainingRun) -> None:
        """Print what a run tells of itself: its states, its curves, what was assumed."""
        steps = f", {run.curve[-1].step:,} steps" if run.curve else ""
        epochs = f"{run.epochs:.3g} epoch{'' if run.epochs == 1 else 's'}"
        self.say(f"{plain(run.name)}: {run.kind}, {epochs}{steps}\n")
        self.show_states(run.checkpoints, run.curve, run.kept)

    def show_states(
        self,
        checkpoints: Sequence[Checkpoint],
        curve: Curve,
        kept: frozenset[int] | None = None,
    ) -> None:
        """Print checkpoints as a table, the last of many, and curves as lines of text."""
        shown = checkpoints[-MOST_ROWS:]
        if shown:
            self._out.print(checkpoints_table(shown, kept))
        if len(shown) < len(checkpoints):
            self.say(f"({len(checkpoints) - len(shown)} earlier ones are left out)")
        for name, values in curves_of(curve).items():
            self.say(f"{name}  {sparkline(values)}  {values[0]:.2f} to {values[-1]:.2f}")

    def show(self, result: TuningResult) -> None:
        """Print the checkpoints and the curves of a job."""
        self.show_states(result.checkpoints, result.curve)
        if result.trained_tokens:
            self.say(f"{result.trained_tokens:,} tokens trained")
        if result.model:
            self.say(f"Tuned model: {plain(result.model)}")


def losses(event: TuningProgress, before: str) -> str:
    """Return the losses beside the bar; the validation loss stays until the next one."""
    if event.train_loss is None:
        return before
    valid = before.partition(", ")[2]
    if event.valid_loss is not None:
        valid = f"valid loss {event.valid_loss:.3f}"
    train = f"train loss {event.train_loss:.3f}"
    return f"{train}, {valid}" if valid else train


def checkpoints_table(
    checkpoints: Sequence[Checkpoint], kept: frozenset[int] | None = None
) -> Table:
    """Return a table with a row for every checkpoint; those that may be gone say so."""
    table = Table(box=None, pad_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, justify="right", vertical="bottom")
    table.add_column("\nmodel")
    for one in checkpoints:
        table.add_row(
            f"{one.epoch:g}",
            "" if one.step is None else str(one.step),
            number(one.train_loss),
            number(one.valid_loss),
            share(one.train_token_accuracy),
            share(one.valid_token_accuracy),
            Text(
                plain(one.model)
                + ("" if kept is None or one.step in kept else "  (not known to be kept)")
            ),
        )
    return table


def curves_of(curve: Curve) -> dict[str, list[float]]:
    """Return the losses of a run that can be drawn, by name."""
    curves = {
        "train loss": [step.train_loss for step in curve if is_finite(step.train_loss)],
        "valid loss": [step.valid_loss for step in curve if is_finite(step.valid_loss)],
    }
    return {name: [v or 0.0 for v in values] for name, values in curves.items() if len(values) > 1}


def is_finite(value: float | None) -> bool:
    """Whether a value is there and can be drawn."""
    return value is not None and abs(value) < float("inf")


def sparkline(values: Sequence[float], width: int = SPARK_WIDTH) -> str:
    """Return a curve in one line of text, from 0 to its greatest value; long ones are averaged."""
    size = min(width, len(values))
    edges = [round(i * len(values) / size) for i in range(size + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    top = max(means) or 1.0
    return "".join(BARS[min(len(BARS) - 1, int(max(0.0, v) / top * len(BARS)))] for v in means)


def number(value: float | None) -> str:
    """Return a loss, or nothing where none was measured."""
    return "" if value is None else f"{value:.3f}"


def share(value: float | None) -> str:
    """Return a fraction as a percentage, or nothing where none was measured."""
    return "" if value is None else f"{value:.0%}"


def plain(text: str) -> str:
    """Return untrusted words on one line, without what terminals obey."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())[:500]
