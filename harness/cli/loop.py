"""harness loop: tune, evaluate, advise, and tune again as advised."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from harness.cli import options


@options.with_run_options
def loop(
    name: Annotated[
        str,
        typer.Argument(metavar="STUDY", help="A registered study that tunes, or a YAML file."),
    ],
    asked: options.RunOptions,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, max=25, metavar="N", help="Begin with so many; unset: the study's."),
    ] = None,
    max_rounds: Annotated[
        int, typer.Option(min=1, max=25, metavar="N", help="Rounds of training at the most.")
    ] = 4,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Tokens trained in all at the most.")
    ] = None,
) -> None:
    """Tune, evaluate and advise, and tune again as advised, until there is nothing to change.

    It stops when the advice is to keep, to use a checkpoint that exists, to fix the data or to
    measure more; when the advice would take back the change before; or when the budget is spent.
    A checkpoint that exists is always looked at before anything is trained. --max-cost bounds
    training and answers together. Each round has its own folder in --out.

    [bold]Examples[/bold]

      harness loop demo --epochs 1 --out reports/loop

      harness loop my-study.yaml --max-rounds 3 --max-cost 20 --out reports/loop

      harness loop my-study.yaml --out reports/loop --resume    (after Ctrl-C, or with more rounds)
    """
    from harness.cli.loopview import looped, show_end
    from harness.pipeline.looping.budget import Terms

    known = asked.known()
    order = asked.order(known.study(name))
    terms = Terms(epochs, max_rounds, order.max_cost, max_tokens)
    output = asked.output()
    order = replace(order, max_cost=None)
    show_end(looped(order, terms, known, asked.access(), output), output)
