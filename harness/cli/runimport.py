"""What harness import does with other tools' runs: write a run folder, say what it tells."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.cli import options
from harness.errors import UsageError
from harness.importing import KINDS as RUNS
from harness.pipeline.finished.imported import Import, ImportedFolder, Place
from harness.pipeline.finished.imported import import_runs as imported_runs

__all__ = ["RUNS", "import_runs"]


def import_runs(
    kind: str,
    files: Sequence[Path],
    base: str | None,
    epochs: Sequence[str],
    out: Path,
    overwrite: bool,
) -> None:
    """Read the runs, write the folder, and print what its report says.

    Raises:
        UsageError, DatasetError, RunFolderError: what cannot be used, with the repair.
    """
    asked = Import(
        kind,
        [Place.parse(str(file)) for file in files],
        out,
        options.command_line(),
        base,
        dict(map(_epochs, epochs)),
        overwrite,
    )
    made = imported_runs(asked)
    for line in _told(made, out, is_timed=bool(epochs)):
        print(line)


def _epochs(text: str) -> tuple[str, float]:
    """``MODEL=N``; a model's name may hold the sign itself."""
    model, separator, count = text.rpartition("=")
    try:
        number = float(count)
    except ValueError:
        number = -1.0
    if not separator or not model or not 0 < number < 1e6:
        raise UsageError(f"--epochs {text}: write MODEL=N, such as tuned=3")
    return model, number


def _told(made: ImportedFolder, out: Path, *, is_timed: bool) -> Iterator[str]:
    """``is_timed`` says whether it is known after how many epochs a model stands."""
    yield from (f"Note: {note}" for note in made.notes)
    count = len(made.evals)
    yield f"{out}: {made.answers:,} answers, {count} eval{'' if count == 1 else 's'}"
    yield f"Base: {made.base}"
    tuned = [model for model in made.models if model != made.base]
    yield from (f"Against it: {model}" for model in tuned)
    yield f"Report: {made.written.html}"
    yield from ("", "Go on with:")
    commands = [["view", str(out)], ["export", str(out)]]
    commands += [["gate", str(out), "--policy", "POLICY"]] if tuned else []
    commands += [["advise", str(out)]] if is_timed else []
    yield from ("  " + shlex.join(["harness", *words]) for words in commands)
    if tuned and not is_timed:
        yield f"For advice import again with --epochs {shlex.quote(tuned[0])}=N --overwrite"
