"""harness run: one model on registered evals."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options


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
    completions: Annotated[
        bool, typer.Option("--completions", help="Use the legacy /completions endpoint.")
    ] = False,
) -> None:
    """Evaluate one model on evals of the registry, or of an OpenAI evals registry.

    [bold]Examples[/bold]

      harness run orders.heldout.v1 --model embedded:tiny-base

      harness run "tickets.*" -m my-model --base-url http://127.0.0.1:8000/v1

      harness run test-match.s1.simple-v0 --registry evals/registry -m gpt-4o-mini
    """
    from harness.cli.running import carried_out
    from harness.cli.studyview import show
    from harness.models.providers import ModelName
    from harness.pipeline import Order, single_run

    known = options.registry(registry)
    access = options.ServerOptions(
        base_url, api_key_env, organization, tuple(header or ()), timeout
    ).access()
    order = Order(
        study=single_run(ModelName.parse(model), patterns, access.base_url),
        out=options.run_folder(out, "run"),
        command=options.command_line(),
        resume=resume,
        overwrite=overwrite,
        retry_failed=retry_failed,
        repeats=repeats,
        max_samples=max_samples,
        endpoint="completions" if completions else "chat",
        limits=options.limits(concurrency),
    )
    show(carried_out(order, known, access))
