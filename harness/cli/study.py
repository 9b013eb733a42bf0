"""harness study: a declared study from tuning to report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import adapters, options

if TYPE_CHECKING:
    from harness.pipeline import Order


def order_after(order: Order, run: Path | None) -> Order:
    """The order with its earlier rounds; says which of them do not count."""
    if run is None:
        return order
    from harness.cli.studyview import say_notices
    from harness.pipeline.finished.history import history, training_hashes

    rounds, notices = history(run, order.study, training_hashes(order.study))
    say_notices(notices)
    return replace(order, after=rounds)


@options.with_run_options
def study(
    name: Annotated[
        str, typer.Argument(metavar="STUDY", help="A registered study, or a YAML file.")
    ],
    asked: options.RunOptions,
    after: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="The run folder of the round before: its change in epochs is not reversed.",
        ),
    ] = None,
    lora_glob: adapters.Glob = None,
    lora_load: adapters.Load = False,
) -> None:
    """Tune (or read) checkpoints, evaluate them beside the base, diagnose, advise, report.

    A study is a YAML file: a base model, training data, evals, and how to tune or which
    tuned models exist. See [bold]harness show demo[/bold] for one. Where it has a policy, the
    exit code is that of [bold]harness gate[/bold].

    [bold]Examples[/bold]

      harness study demo --out reports/mine

      harness study my-study.yaml --resume --out reports/mine

      harness study demo --base-url http://127.0.0.1:8000/v1

      harness study my-study.yaml --after reports/mine    (the next round, as mine advised)

      harness study my-study.yaml --lora-glob "out/checkpoint-*" --base-url http://127.0.0.1:8000/v1
    """
    from harness.cli.gateview import leave
    from harness.cli.running import carried_out
    from harness.cli.studyview import show

    known = asked.known()
    declared = adapters.with_adapters(
        known.study(name), lora_glob, asked.access(), load=lora_load, ask=not asked.dry_run
    )
    order = asked.order(declared)
    output = asked.output()
    finished = carried_out(order_after(order, after), known, asked.access(), output)
    show(finished, output)
    leave(finished.document.gate)
