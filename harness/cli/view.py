"""harness view: the runs of a folder in the browser."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from harness.errors import UsageError


def view(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The folder that holds run folders.")
    ] = Path("reports"),
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 7575,
) -> None:
    """Look at all runs in the browser: compare them, read samples, review verdicts.

    Only this machine can see it, unless --host says otherwise; then a token is asked for.

    The first look at a large run indexes its journal, in ~/.cache/harness/view; nothing is written
    into the run.

    [bold]Examples[/bold]

      harness view

      harness view runs/ --port 0
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; name one that holds run folders")
    from harness.cli.options import cache_folder
    from harness.viewer.serving import LOCAL, serve

    token = None if host in LOCAL else secrets.token_urlsafe(24)

    def ready(url: str) -> None:
        where = url if token is None else f"{url}?token={token}"
        print(f"The runs below {folder} are at {where}\nCtrl-C stops it.", flush=True)

    try:
        serve(folder, host, port, token, ready, cache_folder(None).with_name("view"))
    except KeyboardInterrupt:
        print("Stopped.")
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror}; "
            "choose another --port (0 takes a free one) or --host"
        ) from error
