"""harness regrade: the answers of a run under today's graders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options

if TYPE_CHECKING:
    from harness.pipeline.finished.regrading import Regraded


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
    engine: options.Engine = "here",
    workers: options.Workers = 2,
    ray_address: options.RayAddress = None,
    plain: options.Plain = False,
    as_json: options.AsJson = False,
) -> None:
    """Mark a run's answers with the graders that the registry has today; nobody is asked.

    The result is a run folder of its own: a run's journal is the record of what was marked how,
    so the old marks stay where they are, and [bold]harness compare[/bold] shows both side by
    side. What judges said is read anew, never asked anew.

    [bold]Examples[/bold]

      harness regrade reports/run

      harness regrade reports/run --eval "orders.*" --registry my/registry --out reports/strict

      harness regrade reports/run --engine ray --workers 8
    """
    from harness.cli.studyview import show_document
    from harness.cli.terminal import Output
    from harness.pipeline import report_of, write_reports
    from harness.pipeline.finished.regrading import Regrading, regrade
    from harness.pipeline.questions.logs import write_logs

    order = Regrading(
        run=path,
        out=out or path.with_name(f"{path.resolve().name}-regraded"),
        command=options.command_line(),
        patterns=evals or (),
        allow_code=frozenset(allow_code or ()),
        overwrite=overwrite,
        cluster=options.cluster(engine, workers, ray_address),
    )
    found = regrade(order, options.registry(registry, data, allow_code))
    document = report_of(found.folder.path, notes=found.notes)
    written = write_reports(document, found.folder.path)
    write_logs(found.folder, found.folder.read())
    show_document(document, Output(plain, as_json), [*_marked(found), f"Report: {written.html}"])


def _marked(found: Regraded) -> Iterator[str]:
    for name, count in found.marked.items():
        answers = f"{count:,} answer{'' if count == 1 else 's'}"
        yield f"{name}: {answers} marked anew, {found.changed[name]:,} with another mark"
