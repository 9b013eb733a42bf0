"""Runs an order with progress, and says how to go on when it is interrupted."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.cli import EXIT_INTERRUPTED
from harness.errors import HarnessError, RunStopped

if TYPE_CHECKING:
    from harness.models.providers import Access
    from harness.pipeline import Finished, Order
    from harness.registry import Registry


def carried_out(order: Order, registry: Registry, access: Access) -> Finished:
    """Run a study; Ctrl-C and errors leave a run that can be taken up again."""
    from harness.cli.studyview import StudyView
    from harness.pipeline import run_study

    try:
        with StudyView() as view:
            return run_study(order, registry, access, view)
    except (KeyboardInterrupt, RunStopped):
        _say_how_to_resume(order.out)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except HarnessError:
        if (order.out / "journal.jsonl").exists() and not (order.out / "report.json").exists():
            _say_how_to_resume(order.out)
        raise


def _say_how_to_resume(out: Path) -> None:
    typed = [word for word in sys.argv[1:] if word not in ("--resume", "--overwrite")]
    if not any(word == "--out" or word.startswith("--out=") for word in typed):
        typed += ["--out", str(out)]
    command = shlex.join(["harness", *typed, "--resume"])
    print(f"Stopped; what was answered is kept. To go on:\n  {command}", file=sys.stderr)
