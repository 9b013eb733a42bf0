"""harness run: one model on registered evals."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from harness.cli import options
from harness.records import Endpoint


@options.with_run_options
def run(
    patterns: Annotated[
        list[str], typer.Argument(metavar="PATTERN...", help="Evals, such as orders.* or a set.")
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", help="A server's model, embedded:tiny-base, or recorded:FILE."
        ),
    ] = "gpt-4o-mini",
    repeats: options.Repeats = None,
    completions: Annotated[
        bool, typer.Option("--completions", help="Use the legacy /completions endpoint.")
    ] = False,
    *,
    asked: options.RunOptions,
) -> None:
    """Evaluate one model on evals of the registry, or of an OpenAI evals registry.

    [bold]Examples[/bold]

      harness run orders.heldout.v1 --model embedded:tiny-base

      harness run "tickets.*" -m my-model --base-url http://127.0.0.1:8000/v1

      harness run test-match.s1.simple-v0 --registry evals/registry -m gpt-4o-mini
    """
    from harness.cli.gateview import leave
    from harness.cli.running import carried_out
    from harness.cli.studyview import show
    from harness.models.providers import ModelName
    from harness.pipeline import single_run

    access = asked.access()
    study = single_run(ModelName.parse(model), patterns, access.base_url)
    endpoint: Endpoint = "completions" if completions else "chat"
    order = replace(asked.order(study), repeats=repeats, endpoint=endpoint)
    output = asked.output()
    finished = carried_out(order, asked.known(), access, output)
    show(finished, output)
    leave(finished.document.gate)
