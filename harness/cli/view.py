"""harness view: the runs of a folder in the browser."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.errors import UsageError

if TYPE_CHECKING:
    from socket import socket

PORT = 7575
USUAL = Path("reports")


def view(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]",
            help="The folder that holds run folders, or a run folder itself; reports/ by default.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help=f"The port; 0 takes a free one. {PORT} by default, or the next one that is free.",
            show_default=False,
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Look at all runs in the browser: compare them, read samples, review verdicts.

    Only this machine can see it, unless --host says otherwise; then a token is asked for.

    The first look at a large run indexes its journal, in ~/.cache/harness/view; nothing is written
    into the run but reviews.

    [bold]Examples[/bold]

      harness view

      harness view runs/ --open

      harness view reports/demo --port 0

      harness view --host 0.0.0.0
    """
    folder = _folder() if folder is None else folder
    if not folder.is_dir():
        raise UsageError(
            f"{folder}: no such folder; name one that holds run folders, or make one: harness demo"
        )
    from harness.cli.options import cache_folder
    from harness.viewer.serving import LOCAL, serve

    token = None if host in LOCAL else secrets.token_urlsafe(24)

    def ready(url: str) -> None:
        where = url if token is None else f"{url}?token={token}"
        print(_greeting(folder, where, token), flush=True)
        if open_:
            import webbrowser

            webbrowser.open(where)

    listener = _listener(host, port)
    try:
        serve(folder, listener, host, token, ready, cache_folder(None).with_name("view"))
    except KeyboardInterrupt:
        print("Stopped.")


def _folder() -> Path:
    """Where runs are looked for: here if this is a run folder, else in reports/."""
    from harness.pipeline.folder.runfolder import RunFolder

    here = Path()
    return here if RunFolder(here).exists() else USUAL


def _greeting(folder: Path, where: str, token: str | None) -> str:
    lines = [f"The runs in {folder} are at {where}"]
    if token is not None:
        lines.append("Whoever has this address with its token can see them, and review answers.")
    return "\n".join([*lines, "Ctrl-C stops it."])


def _listener(host: str, port: int | None) -> socket:
    """Listen; on the next free port, with a note, where none was named.

    Raises:
        UsageError: the address cannot be listened on.
    """
    from harness.viewer.serving import listening

    try:
        listener = listening(host, PORT if port is None else port, or_next=port is None)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise UsageError(
            f"cannot listen on {host}:{PORT if port is None else port}: {why}; "
            "choose another --port (0 takes a free one) or --host"
        ) from error
    bound = listener.getsockname()[1]
    if port is None and bound != PORT:
        print(f"Port {PORT} is taken; this is {bound}.")
    return listener
