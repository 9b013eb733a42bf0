"""Runs an order with progress, and says how to go on when it is interrupted."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.cli import EXIT_INTERRUPTED
from harness.cli.gateview import unjudged
from harness.cli.termination import sigterm_as_ctrl_c
from harness.errors import HarnessError, ProviderError, RunRefused, RunStopped

if TYPE_CHECKING:
    from harness.cli.terminal import Output
    from harness.models.providers import Access
    from harness.pipeline import Finished, Order
    from harness.registry import Registry


def carried_out(order: Order, registry: Registry, access: Access, output: Output) -> Finished:
    """Run a study; Ctrl-C and errors leave a run that can be taken up again.

    Where nothing was answered there is nothing to take up: then nothing is left. A dry run
    says what it would take, and ends.
    """
    if order.dry_run:
        from harness.cli.previewview import show_preview

        show_preview(order, registry, access)
        raise typer.Exit
    from harness.cli.studyview import StudyView
    from harness.pipeline import run_study
    from harness.pipeline.folder.runfolder import Footprint

    footprint = Footprint.of(order.out)
    try:
        with sigterm_as_ctrl_c(), StudyView(output) as view:
            return run_study(order, registry, access, view)
    except (KeyboardInterrupt, RunStopped):
        if footprint.holds_work():
            _say_how_to_resume(order.out)
        else:
            footprint.withdraw()
            print("Stopped; nothing was answered yet.", file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except RunRefused:  # nothing was begun, so nothing was stopped
        raise
    except HarnessError as error:
        if not footprint.holds_work():
            if not footprint.withdraw() and footprint.folder.journal.exists():
                _say_how_to_resume(order.out, "--retry-failed")
        elif not footprint.folder.complete():
            _say_how_to_resume(order.out)
        if order.study.policy is not None and isinstance(error, ProviderError):
            raise unjudged(error) from error
        raise


def _say_how_to_resume(out: Path, *more: str) -> None:
    from harness.pipeline.folder.runfolder import RunFolder

    batches = RunFolder(out).batches_under_way()
    from harness.models.secrecy import shown_command

    typed = [word for word in sys.argv[1:] if word not in ("--resume", "--overwrite", *more)]
    if not any(word == "--out" or word.startswith("--out=") for word in typed):
        typed += ["--out", str(out)]
    if batches and "--batch" not in typed:
        typed.append("--batch")
    command = shown_command(["harness", *typed, "--resume", *more])
    print(f"Stopped; what was answered is kept. To go on:\n  {command}", file=sys.stderr)
    if batches:  # they do not need this process, and are paid for
        command = shlex.join(["harness", "batches", str(out), "--cancel"])
        names = ", ".join(batches)
        print(f"The server goes on with {names}. To cancel:\n  {command}", file=sys.stderr)
