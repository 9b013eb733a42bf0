"""harness import: what other services saved, as evals, answers and logs of ours."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from harness.openai_evals.hosted import Imported, ImportedEval

Import = Callable[[list[Path], Path, bool], None]
"""Files, the folder to write to, whether files there may be replaced."""


def import_(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND", help="inspect, lm-eval, promptfoo, hosted-eval, gorilla or bfcl."
        ),
    ],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files, or folders.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write to.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there already.")
    ] = False,
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="MODEL", help="Whose stored answers are the base's."),
    ] = None,
    epochs: Annotated[
        list[str] | None,
        typer.Option(
            "--epochs", metavar="MODEL=N", help="After how many epochs a model stands; repeatable."
        ),
    ] = None,
) -> None:
    """Take over what other tools wrote, or a benchmark's folder; nothing is asked or sent.

    Logs of Inspect and results of lm-eval become a run folder with a report, which every other
    command reads; [bold]NAME=PATH[/bold] calls the model there NAME. Configurations of promptfoo
    and saved hosted Evals become a registry.

    [bold]Examples[/bold]

      harness import inspect base.eval tuned.eval --out reports/inspect

      harness import lm-eval base=lm_out_base tuned=lm_out_tuned --out reports/lm --epochs tuned=3

      harness import promptfoo promptfooconfig.yaml --out mine

      harness import hosted-eval eval.json runs.json items.jsonl --out mine

      harness import hosted-eval saved/ --out mine --overwrite

      harness import gorilla apibench/ --out mine --base gpt-3.5-turbo_0_shot

      harness import bfcl berkeley-function-call-leaderboard/ --out mine
    """
    from harness.cli.folderimport import FOLDERS, import_folder
    from harness.cli.runimport import RUNS, import_runs

    if kind in RUNS:
        import_runs(kind, files, base, epochs or [], out, overwrite)
        return
    if epochs:
        raise UsageError(f"--epochs: {kind} holds no runs of tuned models; leave it out")
    if kind in FOLDERS:
        import_folder(kind, files, base, out, overwrite)
        return
    importing = KINDS.get(kind)
    if importing is None:
        near = did_you_mean(kind, (*RUNS, *KINDS, *FOLDERS))
        raise UsageError(f"no kind of import '{kind}'{near}")
    if base is not None:
        raise UsageError(f"--base: {kind} has no stored base model; leave it out")
    importing(files, out, overwrite)


def _hosted_eval(files: list[Path], out: Path, overwrite: bool) -> None:
    from harness.openai_evals.hosted import import_hosted

    for line in _told(import_hosted(files, out, overwrite)):
        print(line)


def _told(imported: Imported) -> Iterator[str]:
    for note in imported.notes:
        yield f"Note: {' '.join(note.split())}"
    for path, count in imported.samples:
        yield f"{path}: {count:,} sample{'' if count == 1 else 's'}"
    bases = dict.fromkeys(one.name.partition(".")[0] for one in imported.evals)
    for base in bases:
        yield from _commands(base, imported)


def _commands(base: str, imported: Imported) -> Iterator[str]:
    """How to go on with one hosted eval and all its criteria."""
    evals = [one for one in imported.evals if one.name.startswith(f"{base}.")]
    able = [one for one in evals if one.runnable]
    if able:
        yield from ("", "Ask a model:", _run(base, able, imported.out, "MODEL"))
        answers = [path for path in imported.answers if path.name.startswith(f"{base}.")]
        if answers:
            yield "Mark the saved answers anew:"
        yield from (_run(base, able, imported.out, f"recorded:{path}") for path in answers)
    compared = [one for one in evals if len(one.logs) > 1]
    if compared:
        yield "Compare the hosted runs, the oldest first:"
    for one in compared:
        yield "  " + shlex.join(["harness", "compare", *(str(log) for _, log in one.logs)])


def _run(base: str, evals: list[ImportedEval], out: Path, model: str) -> str:
    name = evals[0].name if len(evals) == 1 else f"{base}.*"
    words = ["harness", "run", name, "--registry", str(out), "--model", model]
    words += ["--judge", "JUDGE"] if any(one.needs_judge for one in evals) else []
    words += ["--allow-code", "python"] if any(one.needs_code for one in evals) else []
    return "  " + shlex.join(words)


KINDS: Mapping[str, Import] = {"hosted-eval": _hosted_eval}
"""What can be imported: a name, and who does it."""
