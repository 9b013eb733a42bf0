"""What harness import does with a benchmark's folder: write a registry, say how to go on."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.datasets.bfcl import bfcl
from harness.datasets.gorilla import gorilla
from harness.datasets.imported import Imported
from harness.errors import UsageError

FOLDERS: Mapping[str, Callable[[Path, str | None], Imported]] = {"bfcl": bfcl, "gorilla": gorilla}
"""Which benchmarks are known, and who reads their folders."""


def import_folder(
    kind: str, places: Sequence[Path], base: str | None, out: Path, overwrite: bool
) -> None:
    """Read one folder, write what it becomes below ``out``, and print how to go on.

    Raises:
        UsageError: not one folder, a file that is there already, or one that cannot be written.
    """
    if len(places) != 1 or not places[0].is_dir():
        raise UsageError(f"give one folder, the one that holds the files of {kind}")
    made = FOLDERS[kind](places[0], base)
    write_files(made.files, out, overwrite)
    for note in made.notes:
        print(f"Note: {note}")
    if made.study is not None:
        command = shlex.join(["harness", "study", made.study, "--registry", str(out)])
        print(f"\nCompare the stored answers:\n  {command}")


def write_files(files: Mapping[str, str], out: Path, overwrite: bool) -> None:
    """Write the files of a registry below ``out``, and say what each holds.

    Raises:
        UsageError: one is there already, or cannot be written.
    """
    there = next((out / name for name in files if (out / name).exists()), None)
    if there is not None and not overwrite:
        raise UsageError(f"{there}: is there already; add --overwrite, or name another folder")
    for name, text in files.items():
        _write(out / name, text)
        lines = text.count("\n")
        print(f"{out / name}: {lines:,} line{'' if lines == 1 else 's'}")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
