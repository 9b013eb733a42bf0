"""harness export: a run's samples and metrics as tables for spreadsheets and notebooks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli import EXIT_INTERRUPTED, options
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.pipeline.exporting.exported import SampleTable
    from harness.pipeline.exporting.tablefiles import TableFile


def export(
    path: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder; of a loop its last round.")
    ],
    samples: Annotated[
        Path | None,
        typer.Option("--samples", metavar="FILE", help="Write only samples, here; - prints them."),
    ] = None,
    metrics: Annotated[
        Path | None,
        typer.Option("--metrics", metavar="FILE", help="Write only metrics, here; - prints them."),
    ] = None,
    format: Annotated[
        Literal["csv", "parquet", "jsonl"] | None,
        typer.Option("--format", help="Where the name of a file does not say; unset: csv."),
    ] = None,
    evals: Annotated[
        list[str] | None,
        typer.Option("--eval", "-e", metavar="PATTERN", help="Only these evals; repeatable."),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", metavar="NAME", help="Only these models; repeatable."),
    ] = None,
    raw: Annotated[
        bool,
        typer.Option(
            "--raw", help="CSV: texts as they are, also those that spreadsheets run as formulas."
        ),
    ] = False,
    prices: Annotated[
        Path | None, typer.Option("--prices", metavar="FILE", help="What models cost.")
    ] = None,
    to: Annotated[
        Literal["wandb", "mlflow"] | None,
        typer.Option("--to", help="Tell a tracker of the run instead of writing tables."),
    ] = None,
    project: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="--to: W&B's project, MLflow's experiment."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="--to: of the run; unset: the study's.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="PLACE", help="--to: MLflow's tracking URI, or W&B's local folder."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="--to wandb: only write files, for wandb sync.")
    ] = False,
) -> None:
    """Write every sample and every metric of a run as CSV, Parquet or JSON lines.

    A row of samples is one answer: prompt, ideal, answer, score, tokens, seconds, cost; what
    failed or was not asked is a row without a score. A row of metrics is one number with its
    interval. Without FILEs both go into the run folder. In CSVs an apostrophe stands before
    texts that a spreadsheet would run as a formula. docs/export.md lists the columns.

    With [bold]--to[/bold] a tracker gets metrics by epoch, settings, advice, the gate's outcome
    and the reports; a second export of the same run changes nothing. See docs/trackers.md.

    [bold]Examples[/bold]

      harness export reports/demo

      harness export reports/demo --samples samples.parquet --metrics metrics.parquet

      harness export reports/demo --eval "orders.*" --samples - --format jsonl | head

      harness export reports/demo --to wandb --project tickets --offline

      harness export reports/demo --to mlflow --project tickets --at sqlite:///mlflow.db
    """
    if to is not None:
        _refuse_files(samples, metrics, format, raw=raw)
        _tell(path, to, project, name, at, evals, models, prices, offline=offline)
        return
    if project or name or at or offline:
        raise UsageError("--project, --name, --at and --offline go with --to wandb or --to mlflow")
    from harness.pipeline.exporting.exported import (
        METRICS,
        SAMPLES,
        SampleTable,
        Selection,
        metric_rows,
    )
    from harness.pipeline.folder.loop_folder import last_round
    from harness.pipeline.folder.runfolder import RunFolder

    path = last_round(path)
    files = _files(path, samples, metrics, format, raw=raw)
    selection, tables = Selection(evals or (), models or ()), options.prices(prices)
    table = SampleTable.of(RunFolder(path), selection, tables)
    try:
        if "samples" in files:
            _check_target(files["samples"], table)
            with _progress(table.size) as advance:
                count = files["samples"].write(table.rows(), SAMPLES, advance)
            _say(f"{count:,} samples", files["samples"])
        if "metrics" in files:
            _check_target(files["metrics"], table)
            from harness.pipeline import report_of

            document = report_of(path, prices=tables)
            rows = metric_rows(document, selection)
            count = files["metrics"].write(rows, METRICS, lambda more: None)
            _say(f"{count:,} metrics", files["metrics"])
    except KeyboardInterrupt:
        print("Stopped; no half-written file is left.", file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _refuse_files(
    samples: Path | None, metrics: Path | None, format: str | None, *, raw: bool
) -> None:
    """See that nothing is asked for that only tables have."""
    if samples or metrics or format or raw:
        raise UsageError("--to tells a tracker and writes no tables; leave out what names files")


def _tell(
    path: Path,
    tracker: Literal["wandb", "mlflow"],
    project: str | None,
    name: str | None,
    at: str | None,
    evals: list[str] | None,
    models: list[str] | None,
    prices: Path | None,
    *,
    offline: bool,
) -> None:
    from harness.pipeline.exporting.exported import Selection
    from harness.pipeline.exporting.tracked import tracked_run
    from harness.pipeline.exporting.trackers import PROJECT, Target, tell
    from harness.pipeline.folder.loop_folder import last_round

    if offline and tracker != "wandb":
        raise UsageError("--offline is W&B's; for MLflow name a local store: --at sqlite:///FILE")
    # MLflow's own seven tries take five minutes until it says that nobody is there.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    selection = Selection(evals or (), models or ())
    run = tracked_run(last_round(path), name, selection, options.prices(prices))
    told = tell(tracker, run, Target(project or PROJECT, at, offline))
    print(f"{'Unchanged since the last export' if told.again else 'Exported'}: {told.where}")


def _files(
    run: Path, samples: Path | None, metrics: Path | None, format: str | None, *, raw: bool
) -> dict[str, TableFile]:
    """What is written where: what was named, else both tables into the run folder."""
    from harness.pipeline.exporting.tablefiles import STDOUT, TableFile

    if samples == STDOUT == metrics:
        raise UsageError("--samples - and --metrics - would mix two tables; name a file for one")
    if samples is None and metrics is None:
        samples, metrics = (run / f"{name}.{format or 'csv'}" for name in ("samples", "metrics"))
    named = {"samples": samples, "metrics": metrics}
    return {n: TableFile.named(p, format, raw=raw) for n, p in named.items() if p is not None}


def _check_target(file: TableFile, table: SampleTable) -> None:
    """Refuse to write over what a run consists of."""
    from harness.pipeline.exporting.exported import sources

    if file.path.exists() and any(
        one.exists() and file.path.samefile(one) for one in sources(table)
    ):
        raise UsageError(f"{file.path}: is read for this; name another file")


def _say(what: str, file: TableFile) -> None:
    from harness.pipeline.exporting.tablefiles import STDOUT

    if file.path != STDOUT:
        print(f"{what}: {file.path}")


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        task = bars.add_task("writing samples", total=total)
        yield lambda more: bars.update(task, advance=more)
