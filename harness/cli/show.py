"""harness show: one eval, eval set or study."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options
from harness.errors import UsageError


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An eval, eval set or study.")],
    number: Annotated[
        str | None, typer.Argument(metavar="[N]", help="With 'rule': the rule of an advice.")
    ] = None,
    registry: options.RegistryPaths = None,
) -> None:
    """Show what a name stands for, where it is declared, and how to run it.

    [bold]Examples[/bold]

      harness show demo

      harness show tickets.heldout.v1

      harness show rule 7    (why an advice by rule 7 says what it says, and what to do)
    """
    if name == "rule" or number is not None:
        from harness.cli.rulepages import show_rule

        if name != "rule" or number is None:
            raise UsageError("show takes one name, or 'rule' and its number: harness show rule 7")
        show_rule(number)
        return
    from harness.cli.catalogview import show_one

    show_one(options.registry(registry), name, registry or ())
