"""harness advise: diagnosis and epoch advice from a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.errors import RunFolderError

if TYPE_CHECKING:
    from harness.reports.document import Document


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
    _say_if_unfinished(path, document)
    if as_json:
        import json

        from harness.reports.json import render_json

        print(json.dumps(json.loads(render_json(document))["advice"], indent=2))
        return
    for section in document.sections:
        show_advice(section)


def _say_if_unfinished(path: Path, document: Document) -> None:
    """Advice on a part of a run must not be taken for advice on the whole."""
    import sys

    from harness.pipeline.runfolder import RunFolder

    folder = RunFolder(path)
    exclusions = (one for section in document.sections for one in section.exclusions)
    missing = sum(one.count for one in exclusions if one.kind == "not_asked")
    if folder.complete() and not missing:
        return
    print(
        f"warn: {path}: this run is not finished"
        + (f", {missing:,} answers are missing" if missing else "")
        + f"; the advice is about what is there. To go on: {folder.read().command} --resume",
        file=sys.stderr,
    )
