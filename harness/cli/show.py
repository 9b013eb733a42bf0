"""harness show: one eval, eval set or study."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An eval, eval set or study.")],
    registry: options.RegistryPaths = None,
) -> None:
    """Show what a name stands for, where it is declared, and how to run it.

    [bold]Examples[/bold]

      harness show demo

      harness show tickets.heldout.v1
    """
    from harness.cli.catalogview import show_one

    show_one(options.registry(registry), name, registry or ())
