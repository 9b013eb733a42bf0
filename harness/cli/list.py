"""harness list: what is registered."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options


def list_(
    pattern: Annotated[
        str, typer.Argument(metavar="[PATTERN]", help="Names, such as tickets.* or *math*.")
    ] = "*",
    registry: options.RegistryPaths = None,
) -> None:
    """List the evals, eval sets and studies of the registry, and whether each can be run.

    [bold]Examples[/bold]

      harness list

      harness list "*math*" --registry evals/registry
    """
    from harness.cli.catalogview import show_list

    show_list(options.registry(registry), pattern)
