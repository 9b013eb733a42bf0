"""harness study: a declared study from tuning to report."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options


@options.with_run_options
def study(
    name: Annotated[
        str, typer.Argument(metavar="STUDY", help="A registered study, or a YAML file.")
    ],
    asked: options.RunOptions,
) -> None:
    """Tune (or read) checkpoints, evaluate them beside the base, diagnose, advise, report.

    A study is a YAML file: a base model, training data, evals, and how to tune or which
    tuned models exist. See [bold]harness show demo[/bold] for one. Where it has a policy, the
    exit code is that of [bold]harness gate[/bold].

    [bold]Examples[/bold]

      harness study demo --out reports/mine

      harness study my-study.yaml --resume --out reports/mine

      harness study demo --base-url http://127.0.0.1:8000/v1
    """
    from harness.cli.gateview import leave
    from harness.cli.running import carried_out
    from harness.cli.studyview import show

    known = asked.known()
    finished = carried_out(asked.order(known.study(name)), known, asked.access())
    show(finished)
    leave(finished.document.gate)
