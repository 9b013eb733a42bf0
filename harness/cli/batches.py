"""harness batches: the batches of a run that are under way, and their end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options


def batches(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Stop them; what they answered is kept.")
    ] = False,
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", metavar="URL", help="The server, if not as in the run."),
    ] = None,
    api_key_env: Annotated[
        str,
        typer.Option(
            "--api-key-env", metavar="NAME", help="The environment variable with the key."
        ),
    ] = options.KEY_NAME,
) -> None:
    """Show the batches of a run that a server is answering, or cancel them.

    They go on without any command running. Go on with the run itself with the command that
    began it and [bold]--batch --resume[/bold].

    [bold]Examples[/bold]

      harness batches reports/run

      harness batches reports/run --cancel
    """
    from harness.pipeline.folder.batches import batches_of

    access = options.RunOptions(base_url=base_url, api_key_env=api_key_env).access()
    jobs = batches_of(folder, access, cancel=cancel)
    for job in jobs:
        failed = f", {job.failed:,} failed" if job.failed else ""
        print(f"{job.id}  {job.status}  {job.completed:,} of {job.total:,} answered{failed}")
    if not jobs:
        print("No batches are under way.")
    elif cancel:
        print("What was answered before is fetched with --batch --resume.")
