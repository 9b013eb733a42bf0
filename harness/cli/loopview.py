"""What a terminal shows of a loop: which round is under way, what each came to, why it stopped."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import typer
from rich.table import Table
from rich.text import Text

from harness.cli import EXIT_INTERRUPTED
from harness.cli.studyview import StudyView, show_document
from harness.cli.terminal import Output, Screen, plain
from harness.cli.termination import sigterm_as_ctrl_c
from harness.errors import HarnessError, RunStopped

if TYPE_CHECKING:
    from pathlib import Path

    from harness.models.providers import Access
    from harness.pipeline.looping.budget import Terms
    from harness.pipeline.looping.loop import Looped
    from harness.pipeline.orders.order import Order
    from harness.records import Round
    from harness.registry import Registry

PIPE_WIDTH = 160


class LoopView(StudyView):
    """Shows the rounds of a loop, and within each what a study shows."""

    def round_begins(self, number: int, plans: Sequence[str]) -> None:
        """A round begins."""
        self._err.print(Text(f"round {number}: {plain('; '.join(plans))}"), soft_wrap=True)

    def round_ended(self, rows: Sequence[Round]) -> None:
        """A round has ended, or was read back."""
        from harness.reports import rounds, wording

        for one in rows:
            score = f"{100 * one.score.value:.0f}%" if one.score else "no score"
            taken = "" if one.trained else " (checkpoint that exists)"
            text = (
                f"  {plain(one.eval)}, {wording.epochs(one.epochs)}{taken}: {score}; "
                f"{plain(rounds.advised(one))}"
            )
            self._err.print(Text(text), soft_wrap=True)


def looped(
    order: Order, terms: Terms, registry: Registry, access: Access, output: Output
) -> Looped:
    """Run a loop; Ctrl-C and errors leave rounds that can be taken up again."""
    from harness.pipeline.looping.loop import first_round, run_loop

    if order.dry_run:
        from harness.cli.previewview import show_preview

        print("The first round:")
        show_preview(first_round(order, terms, registry), registry, access)
        raise typer.Exit
    try:
        with sigterm_as_ctrl_c(), LoopView(output) as view:
            return run_loop(order, terms, registry, access, view)
    except (KeyboardInterrupt, RunStopped):
        _say_how_to_resume(order.out)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except HarnessError:
        _say_how_to_resume(order.out)
        raise


def _say_how_to_resume(out: Path) -> None:
    from harness.models.secrecy import shown_command
    from harness.pipeline.folder.loop_folder import LOOP_FILE

    if not (out / LOOP_FILE).exists() or (out / "report.json").exists():
        return
    command = shown_command(command_again(sys.argv[1:], out))
    print(f"Stopped; what was done is kept. To go on:\n  {command}", file=sys.stderr)


def command_again(
    typed: Sequence[str], out: Path, raised: Sequence[tuple[str, str]] = ()
) -> list[str]:
    """The command that takes a loop up again, with options of its budget raised."""
    kept = [word for word in typed if word not in ("--resume", "--overwrite")]
    if not any(word == "--out" or word.startswith("--out=") for word in kept):
        kept += ["--out", str(out)]
    for option, _ in raised:
        kept = list(_without(option, kept))
    return ["harness", *kept, "--resume", *chain.from_iterable(raised)]


def _without(option: str, words: Sequence[str]) -> Iterator[str]:
    """Words of a command without an option and its value."""
    is_value = False
    for word in words:
        is_option = word == option or word.startswith(f"{option}=")
        if not (is_option or is_value):
            yield word
        is_value = word == option


def show_rounds(found: Sequence[Round], screen: Screen) -> None:
    """Print the table of rounds."""
    from harness.reports import rounds

    table = Table(
        title="Rounds", title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    for title in ("Eval", *rounds.HEADERS):
        table.add_column(title, overflow="fold")
    for row in rounds.rows(found):
        table.add_row(*(Text(screen.readable(cell)) for cell in (row.eval, *row.cells)))
    console = screen.console(None if screen.stream.isatty() else PIPE_WIDTH)
    console.print(table)
    console.print()


def show_end(ended: Looped, output: Output) -> None:
    """Print the table of rounds, the verdicts, why the loop stopped and where the report lies."""
    notes = [*last_words(ended), f"Report: {ended.written.html}"]
    if not output.as_json and ended.document.rounds:
        show_rounds(ended.document.rounds, output.screen)
    told = ended.document if output.as_json else replace(ended.document, rounds=())
    show_document(told, output, notes)


def last_words(ended: Looped) -> Iterator[str]:
    """Why each experiment stopped, what to use, and the command to go on after a spent budget."""
    from harness.models.secrecy import shown_command
    from harness.reports.wording import after, sentence

    for name, stop in ended.stops:
        yield f"{name}: {HEADS[stop.why]}. {sentence(stop.text)}"
        if stop.model:
            how_long = f" ({after(stop.epochs)})" if stop.epochs is not None else ""
            yield f"  checkpoint to use now: {stop.model}{how_long}"
    raised = sorted({stop.raised for _, stop in ended.stops if stop.raised})
    if raised:
        again = command_again(sys.argv[1:], ended.folder, raised)
        yield f"To go on: {shown_command(again)}"


HEADS = {
    "keep": "Stopped: keep",
    "checkpoint": "Stopped: use the checkpoint that exists",
    "fix": "Stopped: no epoch helps, something else is to be mended",
    "measure": "Stopped: too little is known",
    "reversal": "Stopped: going back and forth would not end",
    "disagreement": "Stopped: the evals disagree",
    "budget": "Stopped: the budget is spent",
}
