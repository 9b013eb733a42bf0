"""harness advise: diagnosis and epoch advice from a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import RunFolderError


def advise(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A study's run folder, or a saved tuning job.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the advice as in report.json.")
    ] = False,
) -> None:
    """Diagnose a run and say how many epochs to train next, with the evidence.

    [bold]Examples[/bold]

      harness advise reports/demo

      harness advise reports/demo --json

      harness advise tuned/          (what harness finetune --out wrote)
    """
    from harness.pipeline.jobs import advice_of_saved_job, is_saved_job

    if is_saved_job(path):
        from harness.cli.studyview import show_one_advice

        show_one_advice(advice_of_saved_job(path))
        return
    from harness.cli.studyview import show_advice
    from harness.pipeline import report_of

    document = report_of(path)
    if not any(section.advice for section in document.sections):
        raise RunFolderError(
            f"{path}: no checkpoint with a known number of epochs in it; "
            "advice needs a study with 'tune' or 'tuned' (see harness show demo)"
        )
    if as_json:
        import json

        from harness.reports.json import render_json

        print(json.dumps(json.loads(render_json(document))["advice"], indent=2))
        return
    for section in document.sections:
        show_advice(section)
