"""harness oaievalset: an eval set as OpenAI evals runs one, in one go and resumable."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.errors import UsageError
from harness.records import DEFAULT_SEED

if TYPE_CHECKING:
    from harness.registry import Registry

SETS = Path("reports") / "oaievalset"


def oaievalset(
    model: Annotated[
        str, typer.Argument(help="A model, or several with commas between; the last one judges.")
    ],
    eval_set: Annotated[str, typer.Argument(help="The set's name.")],
    registry_path: options.LegacyRegistryPaths = None,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on where an earlier run ended.")
    ] = True,
    exit_on_error: Annotated[
        bool,
        typer.Option("--exit-on-error/--no-exit-on-error", help="Stop at an eval that cannot run."),
    ] = True,
    max_samples: Annotated[
        int | None, typer.Option("--max_samples", min=1, help="Only so many samples of each eval.")
    ] = None,
    completion_args: options.CompletionArgs = "",
    extra_eval_params: Annotated[
        str, typer.Option("--extra_eval_params", help="key=value,... over the evals' arguments.")
    ] = "",
    seed: Annotated[
        int, typer.Option("--seed", help="What options of multiple choice are shuffled by.")
    ] = DEFAULT_SEED,
    user: Annotated[str, typer.Option("--user", help="created_by in the logs.")] = "",
    out: options.Out = None,
    base_url: options.ModelsUrl = None,
    judge_base_url: options.JudgeUrl = None,
    judge_api_key_env: options.JudgeKeyName = None,
    data: options.DataFolders = None,
) -> None:
    """Run every eval of a set: one start, shared connections, one report, a log for each eval.

    An interrupted set goes on where it ended when the same command is given again.

    [bold]Examples[/bold]

      harness oaievalset gpt-4o-mini test-all --registry_path evals/registry

      harness oaievalset my-model test-basic --base-url http://127.0.0.1:8000/v1 --no-exit-on-error
    """
    from harness.cli.oaieval import Call, Legacy, installed_registry, run_legacy, threads

    folder = out or SETS / f"{options.folder_name(model)}.{options.folder_name(eval_set)}"
    asked = options.RunOptions(
        out=folder,
        resume=resume and (folder / "journal.jsonl").exists(),
        overwrite=not resume,
        registry=[*installed_registry(), *(registry_path or ())],
        base_url=base_url,
        judge_base_url=judge_base_url,
        judge_api_key_env=judge_api_key_env,
        max_samples=max_samples,
        concurrency=threads(),
        data=data,
    )
    registry = asked.known()
    evals = _evals(registry, eval_set, exit_on_error=exit_on_error)
    call = Call(model, evals, extra_eval_params, completion_args, seed)
    run_legacy(call, asked, registry, replace(Legacy(), user=user, keep_logs=True))


def _evals(registry: Registry, name: str, *, exit_on_error: bool) -> list[str]:
    """The set itself, from which evals that cannot run are left out, or all of its evals."""
    if not exit_on_error:
        return [registry.resolve(name, "eval_sets").name]
    names = registry.matching(registry.eval_set(name).patterns)
    for problem in (registry.describe(one).problem for one in names):
        if problem:
            raise UsageError(f"{problem}; leave such evals out with --no-exit-on-error")
    return names
