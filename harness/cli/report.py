"""harness report: the reports of a run folder, written anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A run folder.")],
) -> None:
    """Write report.html, report.md and report.json of a run folder anew, from its journal.

    Works on an unfinished run too: what is missing counts as excluded.

    [bold]Example[/bold]

      harness report reports/demo
    """
    from harness.cli.studyview import show_document
    from harness.pipeline import report_of, write_reports

    document = report_of(path)
    show_document(document)
    print(f"Report: {write_reports(document, path).html}")
