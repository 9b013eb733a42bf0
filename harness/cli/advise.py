"""harness advise: diagnosis and epoch advice from a run folder, or from what training wrote."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.options import KEY_NAME
from harness.cli.terminal import Output
from harness.errors import RunFolderError, UsageError

if TYPE_CHECKING:
    from harness.finetuning.training_run import TrainingRun
    from harness.records import Advice
    from harness.reports.document import Document

JOB_PREFIX = "ftjob-"


def advise(
    place: Annotated[
        str,
        typer.Argument(
            metavar="PATH|JOB",
            help="A run folder; a saved job, result file, trainer_state.json, output folder with "
            "checkpoint-* or W&B export; or a job's id.",
        ),
    ],
    result: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RESULT]",
            help="A job's result file, events or checkpoints, beside its object.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the advice as in report.json.")
    ] = False,
    plain: options.Plain = False,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Every checkpoint's advice with the whole evidence behind it."),
    ] = False,
    log: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLACE",
            help="Answers beside the curves: the base model's evals log or run folder first, "
            "then tuned ones'; repeatable.",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="How many epochs a result file is, where it does not say."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="The tuned model of a result file.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="The server of a job; unset: OpenAI.")
    ] = None,
    api_key_env: Annotated[
        str, typer.Option(metavar="NAME", help="The environment variable with the server's key.")
    ] = KEY_NAME,
    prices: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What models cost; it counts before ~/.evals."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print the page of every rule that spoke, too.")
    ] = False,
) -> None:
    """Diagnose a run and say how many epochs to train next, with the evidence.

    A run folder of a study says most: it has answers. From curves alone the advice is what
    curves can say, and which measurement is missing.

    [bold]Examples[/bold]

      harness advise reports/demo

      harness advise reports/demo --all        (every checkpoint, with all of its evidence)

      harness advise reports/demo --explain    (with the page of every rule that spoke)

      harness advise reports/demo --json

      harness advise tuned/          (what harness finetune --out wrote)

      harness advise outputs/        (a trainer's checkpoint-* folders; or trainer_state.json)

      harness advise job.json result.csv       (GET .../jobs/ID as it is, and its result file)

      harness advise result.csv --epochs 3 --log base.jsonl --log tuned.jsonl

      harness advise ftjob-123 --base-url http://127.0.0.1:8000/v1
    """
    output = Output(plain, as_json)
    path = Path(place)
    if result is not None:
        run = _of_both(path, result, model=model, epochs=epochs, base_url=base_url)
        told = _advise_on(run, log or [], None, prices, output)
        _explain(told if explain and not as_json else ())
        return
    if not path.exists() and (place.startswith(JOB_PREFIX) or base_url is not None):
        if epochs or model:
            raise UsageError("--epochs and --model are for result files; a job knows its own")
        run = _live(place, base_url, api_key_env)
        told = _advise_on(run, log or [], base_url, prices, output)
        _explain(told if explain and not as_json else ())
        return
    if base_url is not None:
        raise UsageError(f"--base-url is for a job's id; {place} is a file or folder here")
    if not path.exists():
        raise RunFolderError(
            f"{place}: no such file or folder, and no job id ({JOB_PREFIX}...); "
            "give what training wrote, or --base-url with a job's id"
        )
    from harness.pipeline.finished.jobs import is_training_run
    from harness.pipeline.folder.loop_folder import last_round
    from harness.pipeline.folder.runfolder import RunFolder

    path = last_round(path)
    if is_training_run(path) or not RunFolder(path).exists():
        from harness.finetuning.runs import read_run

        run = read_run(path, epochs, model)
        told = _advise_on(run, log or [], None, prices, output)
        _explain(told if explain and not as_json else ())
        return
    if log or epochs or model:
        raise UsageError(
            f"--log, --epochs and --model are for what training wrote; {place} has none of it"
        )
    told = _advise_on_folder(path, prices, output, everything=everything)
    _explain(told if explain and not as_json else ())


def _explain(advices: Sequence[Advice]) -> None:
    """Print the page of every rule that spoke, each once."""
    from harness.cli.rulepages import page, print_page

    for number in dict.fromkeys(advice.rule for advice in advices):
        print_page("\n" + page(number))


# --- what training wrote -------------------------------------------------------------


def _of_both(
    path: Path, result: Path, *, model: str | None, epochs: int | None, base_url: str | None
) -> TrainingRun:
    """The run that a job's object and its result file tell together."""
    from harness.finetuning.job_runs import run_of_job_and_result

    if epochs or model or base_url is not None:
        raise UsageError(
            "--epochs, --model and --base-url are not for a job and its result file: "
            "the job says them"
        )
    return run_of_job_and_result(path, result)


def _live(job_id: str, base_url: str | None, key_name: str) -> TrainingRun:
    """A job's run, as its server knows it now."""
    from harness.cli.finetune import Server
    from harness.finetuning.api import ApiTuning
    from harness.finetuning.job_runs import run_of_job
    from harness.models.providers import OPENAI_URL

    server = Server(base_url or OPENAI_URL, key_name)
    with closing(ApiTuning(server.key, server.url)) as service:
        return run_of_job(service.export(job_id), server.url)


def _advise_on(
    run: TrainingRun,
    logs: Sequence[str],
    base_url: str | None,
    prices: Path | None,
    output: Output,
) -> Sequence[Advice]:
    from harness.pipeline.finished.jobs import advice_of, advice_with_logs

    tables = options.prices(prices)
    advice = advice_with_logs(run, logs, tables) if logs else [advice_of(run, base_url, tables)]
    if output.as_json:
        _print_json(advice)
        return advice
    from harness.cli.adviceview import evidence
    from harness.cli.tuningview import TuningView

    TuningView().show_run(run)
    screen = output.screen
    for one in advice:
        screen.show(evidence(one, screen))
    return advice


def _print_json(advice: Sequence[Advice]) -> None:
    import json

    from harness.reports.json import plain

    print(json.dumps(plain(list(advice)), indent=2, ensure_ascii=False, allow_nan=False))


# --- run folders ---------------------------------------------------------------------


def _advise_on_folder(
    path: Path, prices: Path | None, output: Output, *, everything: bool
) -> Sequence[Advice]:
    from harness.cli.adviceview import show_advice
    from harness.pipeline import report_of

    document = report_of(path, prices=options.prices(prices))
    if not any(section.advice for section in document.sections):
        raise RunFolderError(
            f"{path}: no checkpoint with a known number of epochs in it; "
            "advice needs a study with 'tune' or 'tuned' (see harness show demo)"
        )
    _say_if_unfinished(path, document)
    told = [advice for section in document.sections for advice in section.advice]
    if output.as_json:
        import json

        from harness.reports.json import render_json

        print(json.dumps(json.loads(render_json(document))["advice"], indent=2))
        return told
    show_advice(document, path, output, everything=everything)
    return told


def _say_if_unfinished(path: Path, document: Document) -> None:
    """Advice on a part of a run must not be taken for advice on the whole."""
    import sys

    from harness.pipeline.folder.runfolder import RunFolder

    folder = RunFolder(path)
    exclusions = (one for section in document.sections for one in section.exclusions)
    missing = sum(one.count for one in exclusions if one.kind == "not_asked")
    if folder.complete() and not missing:
        return
    print(
        f"warn: {path}: this run is not finished"
        + (f", {missing:,} answers are missing" if missing else "")
        + f"; the advice is about what is there. To go on: {folder.read().command} --resume",
        file=sys.stderr,
    )
