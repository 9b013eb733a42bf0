"""harness compare: models, or earlier runs and logs, sample by sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import adapters, options
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.pipeline.measuring.semantics import Semantics
    from harness.records import Gate


@options.with_run_options
def compare(
    base: Annotated[str, typer.Argument(metavar="BASE", help="A model, a run folder or a log.")],
    tuned: Annotated[
        list[str] | None,
        typer.Argument(metavar="TUNED...", help="Models, run folders or logs."),
    ] = None,
    evals: Annotated[
        list[str] | None,
        typer.Option("--eval", "-e", metavar="PATTERN", help="Evals; repeatable."),
    ] = None,
    repeats: options.Repeats = None,
    force: options.Force = False,
    lora_glob: adapters.Glob = None,
    lora_load: adapters.Load = False,
    *,
    asked: options.RunOptions,
) -> None:
    """Compare tuned models with their base on the same samples, with intervals and flips.

    Models are asked; run folders are read, and logs of OpenAI evals, Inspect and lm-eval. A folder
    with several models is written as [bold]FOLDER#MODEL[/bold]. Answers to open tasks that were
    sampled differently are compared with [bold]--force[/bold] only.

    [bold]Examples[/bold]

      harness compare gpt-4o-mini ft:gpt-4o-mini:me::abc --eval "tickets.*"

      harness compare base adapter-1 adapter-2 -e orders.heldout.v1 --base-url http://127.0.0.1:8000/v1

      harness compare base --lora-glob "out/checkpoint-*" -e orders.heldout.v1 --base-url http://127.0.0.1:8000/v1

      harness compare reports/run reports/run-1

      harness compare gpt-3.5-turbo.jsonl gpt-4.jsonl

      harness compare logs/base.eval logs/tuned.eval

      harness compare lm_out_base lm_out_tuned -e "gsm8k.*"
    """
    tuned = tuned or []
    if not tuned and lora_glob is None:
        raise UsageError("TUNED is missing: name what is compared with the base, or --lora-glob")
    earlier = [_is_there(place) for place in (base, *tuned)]
    if all(earlier) and lora_glob is None:
        if asked.dry_run:
            raise UsageError("--dry-run: earlier runs are only read, nobody is asked; leave it out")
        _read([base, *tuned], evals or [], asked, force=force)
        return
    if force:
        raise UsageError("--force is for earlier runs; models asked now are sampled alike")
    if any(earlier):
        places = zip((base, *tuned), earlier, strict=True)
        missing = next((place for place, is_there in places if not is_there), "--lora-glob")
        raise UsageError(
            f"{missing}: no such folder or log; models are not compared with earlier runs: "
            "check the path, or run the model first (harness run, with --out)"
        )
    if not evals:
        raise UsageError("--eval is missing: name the evals to compare on (see harness list)")
    from harness.cli.gateview import leave
    from harness.cli.running import carried_out
    from harness.cli.studyview import show
    from harness.models.providers import ModelName
    from harness.pipeline import comparison_study

    access = asked.access()
    names = [ModelName.parse(name) for name in (base, *tuned)]
    study = comparison_study(names[0], names[1:], evals, access.base_url)
    study = adapters.with_adapters(study, lora_glob, access, load=lora_load, ask=not asked.dry_run)
    order, output = replace(asked.order(study), repeats=repeats), asked.output()
    finished = carried_out(order, asked.known(), access, output)
    show(finished, output)
    leave(finished.document.gate)


LOGS = (".jsonl", ".json", ".eval")
"""How the names of logs end; models' names do not."""


def _is_there(place: str) -> bool:
    """Whether a place is a run folder or log, not a model.

    Raises:
        UsageError: the name of a log that is not there.
    """
    path = Path(place.partition("#")[0])
    if path.suffix in LOGS and ":" not in place and not path.exists():
        raise UsageError(f"{path}: no such log; give its path as it is from here")
    return path.exists()


def _read(places: list[str], evals: list[str], asked: options.RunOptions, *, force: bool) -> None:
    from harness.cli.gateview import leave
    from harness.cli.studyview import show_document
    from harness.pipeline import write_reports
    from harness.pipeline.finished.comparing import compare_folders
    from harness.pipeline.finished.gate import gate_places
    from harness.pipeline.folder.runfolder import run_folder

    embedder = asked.embedder()
    if embedder is not None:
        embedder.check()
    known = asked.known()
    policy = known.policy(asked.policy) if asked.policy is not None else None

    def judged(semantics: Semantics | None) -> Gate | None:
        if policy is None:
            return None
        return gate_places(places, policy, known, force=force, semantics=semantics)

    document = compare_folders(
        places, evals, options.command_line(), judged, force=force, embedder=embedder
    )
    written = write_reports(document, run_folder(asked.out, "compare"))
    show_document(document, asked.output(), [f"Report: {written.html}"])
    leave(document.gate)
