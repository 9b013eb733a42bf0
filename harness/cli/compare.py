"""harness compare: models, or earlier runs, sample by sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.errors import UsageError


def compare(
    base: Annotated[str, typer.Argument(metavar="BASE", help="A model, or a run folder.")],
    tuned: Annotated[list[str], typer.Argument(metavar="TUNED...", help="Models, or run folders.")],
    evals: Annotated[
        list[str] | None,
        typer.Option("--eval", "-e", metavar="PATTERN", help="Evals; repeatable."),
    ] = None,
    out: options.Out = None,
    resume: options.Resume = False,
    retry_failed: options.RetryFailed = False,
    overwrite: options.Overwrite = False,
    registry: options.RegistryPaths = None,
    base_url: options.BaseUrl = None,
    api_key_env: options.ApiKeyEnv = options.KEY_NAME,
    organization: options.Organization = None,
    header: options.Headers = None,
    concurrency: options.Concurrency = "auto",
    timeout: options.Timeout = 60.0,
    max_samples: options.MaxSamples = None,
    repeats: options.Repeats = None,
) -> None:
    """Compare tuned models with their base on the same samples, with intervals and flips.

    Models are asked; run folders are read. A folder with several models is written
    as [bold]FOLDER#MODEL[/bold].

    [bold]Examples[/bold]

      harness compare gpt-4o-mini ft:gpt-4o-mini:me::abc --eval "tickets.*"

      harness compare base adapter-1 adapter-2 -e orders.heldout.v1 --base-url http://127.0.0.1:8000/v1

      harness compare reports/run reports/run-1
    """
    folders = [Path(place.partition("#")[0]).is_dir() for place in (base, *tuned)]
    if all(folders):
        _read(base, tuned, evals or [], options.run_folder(out, "compare"))
        return
    if any(folders):
        raise UsageError("give either models or run folders, not both; run the model first")
    if not evals:
        raise UsageError("--eval is missing: name the evals to compare on (see harness list)")
    from harness.cli.running import carried_out
    from harness.cli.studyview import show
    from harness.models.providers import ModelName
    from harness.pipeline import Order, comparison_study

    known = options.registry(registry)
    access = options.ServerOptions(
        base_url, api_key_env, organization, tuple(header or ()), timeout
    ).access()
    names = [ModelName.parse(name) for name in (base, *tuned)]
    order = Order(
        study=comparison_study(names[0], names[1:], evals, access.base_url),
        out=options.run_folder(out, "compare"),
        command=options.command_line(),
        resume=resume,
        overwrite=overwrite,
        retry_failed=retry_failed,
        repeats=repeats,
        max_samples=max_samples,
        limits=options.limits(concurrency),
    )
    show(carried_out(order, known, access))


def _read(base: str, tuned: list[str], evals: list[str], out: Path) -> None:
    from harness.cli.studyview import show_document
    from harness.pipeline import compare_folders, write_reports

    document = compare_folders([base, *tuned], evals, options.command_line())
    show_document(document)
    print(f"Report: {write_reports(document, out).html}")
