"""harness oaieval: the command of OpenAI evals, flag for flag."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.errors import UsageError
from harness.records import DEFAULT_SEED

if TYPE_CHECKING:
    from harness.pipeline import Finished, Order
    from harness.registry import Registry

LOGS = Path(tempfile.gettempdir()) / "evallogs"
"""Where OpenAI evals leaves its logs when no --record_path is given."""


@dataclass(frozen=True)
class Legacy:
    """What the flags of OpenAI evals ask for beside the run itself."""

    record_path: Path | None = None
    user: str = ""
    dry_run: bool = False
    http_url: str | None = None
    http_batch: int = 100
    http_tolerated: float = 5
    keep_logs: bool = False
    """Logs stay in the run folder alone."""


@dataclass(frozen=True)
class Call:
    """What is asked of whom."""

    completion_fn: str
    evals: list[str]
    extra_eval_params: str = ""
    completion_args: str = ""
    seed: int = DEFAULT_SEED


def oaieval(
    completion_fn: Annotated[
        str, typer.Argument(help="A model, or several with commas between; the last one judges.")
    ],
    eval: Annotated[str, typer.Argument(help="The eval's name, or a pattern with *.")],
    extra_eval_params: Annotated[
        str, typer.Option("--extra_eval_params", help="key=value,... over the eval's arguments.")
    ] = "",
    completion_args: options.CompletionArgs = "",
    max_samples: Annotated[
        int | None, typer.Option("--max_samples", min=1, help="Only so many samples.")
    ] = None,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Accepted; it never did anything.")
    ] = True,
    visible: Annotated[
        bool | None, typer.Option("--visible/--no-visible", help="Accepted; nothing is hidden.")
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", help="What options of multiple choice are shuffled by.")
    ] = DEFAULT_SEED,
    user: Annotated[str, typer.Option("--user", help="created_by in the log.")] = "",
    record_path: Annotated[
        Path | None, typer.Option("--record_path", help="The log; unset: in /tmp/evallogs.")
    ] = None,
    log_to_file: Annotated[
        Path | None, typer.Option("--log_to_file", help="Messages to this file.")
    ] = None,
    registry_path: options.LegacyRegistryPaths = None,
    debug: Annotated[
        bool, typer.Option("--debug/--no-debug", help="Show tracebacks of faults of ours.")
    ] = False,
    local_run: Annotated[
        bool, typer.Option("--local-run/--no-local-run", help="Accepted; runs are local.")
    ] = True,
    http_run: Annotated[
        bool, typer.Option("--http-run/--no-http-run", help="Send the events to a server too.")
    ] = False,
    http_run_url: Annotated[
        str | None, typer.Option("--http-run-url", metavar="URL", help="The server of --http-run.")
    ] = None,
    http_batch_size: Annotated[
        int, typer.Option("--http-batch-size", min=1, help="Events sent at once.")
    ] = 100,
    http_fail_percent_threshold: Annotated[
        float,
        typer.Option(
            "--http-fail-percent-threshold",
            min=0,
            max=100,
            help="Per cent of events that may fail to be sent.",
        ),
    ] = 5,
    dry_run: Annotated[
        bool, typer.Option("--dry-run/--no-dry-run", help="Ask and mark, write nothing.")
    ] = False,
    dry_run_logging: Annotated[
        bool, typer.Option("--dry-run-logging/--no-dry-run-logging", help="Accepted.")
    ] = True,
    out: options.Out = None,
    resume: options.Resume = False,
    base_url: options.ModelsUrl = None,
    judge_base_url: options.JudgeUrl = None,
    judge_api_key_env: options.JudgeKeyName = None,
    data: options.DataFolders = None,
    allow_code: Annotated[
        list[str] | None,
        typer.Option("--allow-code", metavar="PREFIX", help="Modules whose classes may run."),
    ] = None,
) -> None:
    """Run an eval of OpenAI evals: same flags, same verdicts, same log.

    [bold]Examples[/bold]

      harness oaieval gpt-4o-mini test-match --registry_path evals/registry

      harness oaieval dummy test-match.s1.simple-v0 --dry-run

      harness oaieval mine,gpt-4o coqa-fact --base-url URL --judge-base-url JUDGE_URL
    """
    _say_what_is_ignored(cache, visible, local_run, http_run, debug)
    if http_run and http_run_url is None:
        raise UsageError("--http-run needs --http-run-url, the address to send the events to")
    asked = options.RunOptions(
        out=out,
        resume=resume,
        registry=[*installed_registry(), *(registry_path or ())],
        base_url=base_url,
        judge_base_url=judge_base_url,
        judge_api_key_env=judge_api_key_env,
        max_samples=max_samples,
        concurrency=threads(),
        organization=os.environ.get("OPENAI_ORG_ID") or None,
        data=data,
        allow_code=allow_code,
    )
    legacy = Legacy(
        record_path,
        user,
        dry_run,
        http_run_url if http_run else None,
        http_batch_size,
        http_fail_percent_threshold,
    )
    with ExitStack() as stack:
        if log_to_file is not None:
            _send_messages_to(log_to_file, stack)
        call = Call(completion_fn, [eval], extra_eval_params, completion_args, seed)
        run_legacy(call, asked, asked.known(), legacy)


def installed_registry() -> list[Path]:
    """The registry of the package evals, where it is installed; it is not imported."""
    from importlib.util import find_spec

    found = find_spec("evals")
    folders = [
        Path(place) / "registry" for place in (found and found.submodule_search_locations) or ()
    ]
    return [folder for folder in folders if (folder / "evals").is_dir()]


def threads() -> str:
    """EVALS_SEQUENTIAL and EVALS_THREADS, as OpenAI evals reads them."""
    if os.environ.get("EVALS_SEQUENTIAL", "0") in ("1", "true", "yes"):
        return "1"
    return os.environ.get("EVALS_THREADS") or "auto"


def _say_what_is_ignored(
    cache: bool, visible: bool | None, local_run: bool, http_run: bool, debug: bool
) -> None:
    said = {
        "--no-cache": None if cache else "answers are asked for once and kept in the run folder",
        "--visible": None if visible is None else "nothing is hidden from reports",
        "--no-local-run": None
        if local_run or http_run
        else "there is no Snowflake; the log is a file",
        "--debug": "errors name their cause by themselves" if debug else None,
    }
    for flag, why in said.items():
        if why:
            print(f"harness: {flag} is accepted and changes nothing: {why}", file=sys.stderr)


def _send_messages_to(path: Path, stack: ExitStack) -> None:
    from contextlib import redirect_stderr, redirect_stdout

    try:
        file = stack.enter_context(path.open("a", encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--log_to_file {path}: cannot be written ({error.strerror})") from error
    stack.enter_context(redirect_stdout(file))
    stack.enter_context(redirect_stderr(file))


def run_legacy(call: Call, asked: options.RunOptions, registry: Registry, legacy: Legacy) -> None:
    """Run evals as OpenAI evals would be asked to, and print their final reports."""
    from harness.cli.running import carried_out
    from harness.openai_evals.completion_fns import pairs

    registry = registry.adjusted(pairs(call.extra_eval_params, "--extra_eval_params"))
    with ExitStack() as stack:
        if legacy.dry_run:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="harness-dry-run-"))
            asked = replace(asked, out=Path(folder))
        order = replace(_order(call, asked, registry), seed=call.seed, created_by=legacy.user)
        finished = carried_out(order, registry, asked.access(), asked.output())
        _report(finished, legacy)
    if not legacy.dry_run:
        print(f"Report: {finished.written.html}", file=sys.stderr)


def _order(call: Call, asked: options.RunOptions, registry: Registry) -> Order:
    from harness.openai_evals.completion_fns import pairs, panel_of
    from harness.pipeline import panel_study
    from harness.pipeline.folder.runfolder import run_folder

    args = pairs(call.completion_args, "--completion_args")
    routes, judge = panel_of(call.completion_fn, registry, args)
    if asked.judge_base_url:
        judge = replace(judge, base_url=asked.judge_base_url)
    study = panel_study(routes, judge, call.evals, asked.base_url)
    name = options.folder_name(call.evals[0])
    return replace(asked, out=run_folder(asked.out, name)).order(study)


def _report(finished: Finished, legacy: Legacy) -> None:
    """Print every final report; put the logs where OpenAI evals would."""
    from harness.openai_evals.posting import post_events

    for log in finished.logs:
        print(f"Final report: {log.eval}")
        for key, value in log.final_report.items():
            print(f"{key}: {value}")
        if legacy.http_url is not None:
            post_events(log.path, legacy.http_url, legacy.http_batch, legacy.http_tolerated)
        if not (legacy.dry_run or legacy.keep_logs):
            target = legacy.record_path or LOGS / f"{log.run_id}_{log.path.name}"
            many = len(finished.logs) > 1
            print(f"Log: {_copied(log.path, target, many=many)}", file=sys.stderr)


def _copied(log: Path, target: Path, *, many: bool) -> Path:
    """Copy a log to where the user wants it; of several each gets its own name."""
    if many and target.suffix == ".jsonl" and target.parent != LOGS:
        target = target.with_name(f"{target.stem}_{log.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(log, target)
    except OSError as error:
        raise UsageError(
            f"{target}: cannot be written ({error.strerror}); the log is {log}"
        ) from error
    return target
