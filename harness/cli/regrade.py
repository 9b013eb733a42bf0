"""harness regrade: the answers of a run under today's graders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options


def regrade(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    evals: Annotated[
        list[str] | None,
        typer.Option("--eval", "-e", metavar="PATTERN", help="Only these evals; repeatable."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="The new run folder; unset: RUN-regraded."),
    ] = None,
    overwrite: options.Overwrite = False,
    registry: options.RegistryPaths = None,
    data: options.DataFolders = None,
    allow_code: Annotated[
        list[str] | None,
        typer.Option("--allow-code", metavar="PREFIX", help="python: graders that are code."),
    ] = None,
) -> None:
    """Mark a run's answers with the graders that the registry has today; nobody is asked.

    The result is a run folder of its own: a run's journal is the record of what was marked how,
    so the old marks stay where they are, and [bold]harness compare[/bold] shows both side by
    side. What judges said is read anew, never asked anew.

    [bold]Examples[/bold]

      harness regrade reports/run

      harness regrade reports/run --eval "orders.*" --registry my/registry --out reports/strict
    """
    from harness.cli.gateview import plain
    from harness.cli.studyview import show_document
    from harness.pipeline import report_of, write_reports
    from harness.pipeline.logs import write_logs
    from harness.pipeline.regrading import Regrading, regrade

    order = Regrading(
        run=path,
        out=out or path.with_name(f"{path.resolve().name}-regraded"),
        command=options.command_line(),
        patterns=evals or (),
        allow_code=frozenset(allow_code or ()),
        overwrite=overwrite,
    )
    found = regrade(order, options.registry(registry, data, allow_code))
    document = report_of(found.folder.path, notes=found.notes)
    written = write_reports(document, found.folder.path)
    write_logs(found.folder, found.folder.read())
    show_document(document)
    for name, count in found.marked.items():
        answers = f"{count:,} answer{'' if count == 1 else 's'}"
        print(f"{plain(name)}: {answers} marked anew, {found.changed[name]:,} with another mark")
    print(f"Report: {written.html}")
