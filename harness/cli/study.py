"""harness study: a declared study from tuning to report."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options


def study(
    name: Annotated[
        str, typer.Argument(metavar="STUDY", help="A registered study, or a YAML file.")
    ],
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
) -> None:
    """Tune (or read) checkpoints, evaluate them beside the base, diagnose, advise, report.

    A study is a YAML file: a base model, training data, evals, and how to tune or which
    tuned models exist. See [bold]harness show demo[/bold] for one.

    [bold]Examples[/bold]

      harness study demo --out reports/mine

      harness study my-study.yaml --resume --out reports/mine

      harness study demo --base-url http://127.0.0.1:8000/v1
    """
    from harness.cli.running import carried_out
    from harness.cli.studyview import show
    from harness.pipeline import Order

    known = options.registry(registry)
    declared = known.study(name)
    order = Order(
        study=declared,
        out=options.run_folder(out, declared.name),
        command=options.command_line(),
        resume=resume,
        overwrite=overwrite,
        retry_failed=retry_failed,
        max_samples=max_samples,
        limits=options.limits(concurrency),
    )
    server = options.ServerOptions(
        base_url, api_key_env, organization, tuple(header or ()), timeout
    )
    show(carried_out(order, known, server.access()))
