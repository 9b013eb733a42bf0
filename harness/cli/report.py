"""harness report: the reports of a run folder, written anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options


def report(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A run folder.")],
    prices: Annotated[
        Path | None, typer.Option("--prices", metavar="FILE", help="What models cost.")
    ] = None,
) -> None:
    """Write report.html, report.md and report.json of a run folder anew, from its journal.

    Works on an unfinished run too: what is missing counts as excluded.

    [bold]Example[/bold]

      harness report reports/demo
    """
    from harness.cli.studyview import show_document
    from harness.pipeline import report_of, write_reports

    document = report_of(path, prices=options.prices(prices))
    show_document(document)
    print(f"Report: {write_reports(document, path).html}")
