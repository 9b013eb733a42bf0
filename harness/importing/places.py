"""Which tool wrote what lies at a place, and all runs in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from harness.errors import DatasetError
from harness.importing.foreign import ForeignRun, newest
from harness.importing.inspect_logs import read_inspect_log
from harness.importing.lm_eval_results import is_results_file, read_lm_eval_results

INSPECT, LM_EVAL = "inspect", "lm-eval"
MOST_FILES = 10_000
HEAD = 64 * 2**10

KINDS: Mapping[str, Callable[[Path], list[ForeignRun]]] = {
    INSPECT: read_inspect_log,
    LM_EVAL: read_lm_eval_results,
}
"""Whose logs and results can be read, and who reads one file of them."""


def kind_of(path: Path) -> str | None:
    """The tool that wrote a file, or the files of a folder; None where it is none of ours."""
    if path.is_dir():
        return next((kind for file in _files(path) if (kind := _kind_of_file(file))), None)
    return _kind_of_file(path) if path.is_file() else None


def foreign_runs(path: Path, kind: str | None = None) -> list[ForeignRun]:
    """The runs in a file, or in all files of one tool below a folder; of one eval the newest.

    Raises:
        DatasetError: nothing of that tool there, or a file that cannot be read.
    """
    kind = kind or kind_of(path) or INSPECT
    if not path.is_dir():
        return newest(KINDS[kind](path))
    files = [file for file in _files(path) if _kind_of_file(file) == kind]
    if not files:
        raise DatasetError(f"{path}: holds no {WANTED[kind]}")
    return newest([run for file in files for run in KINDS[kind](file)])


WANTED: Mapping[str, str] = {
    INSPECT: "log of Inspect (.eval or .json); give the folder of --log-dir",
    LM_EVAL: "results of lm-eval (results_*.json); give the folder of --output_path",
}


def _files(folder: Path) -> Iterator[Path]:
    """Files that may be a log; links that lead out of the folder are none."""
    home = folder.resolve()
    found = sorted(islice((p for p in folder.rglob("*") if p.suffix in SUFFIXES), MOST_FILES))
    yield from (p for p in found if p.is_file() and p.resolve().is_relative_to(home))


SUFFIXES = (".eval", ".json")


def _kind_of_file(path: Path) -> str | None:
    if path.suffix == ".eval":
        return INSPECT
    if path.suffix != ".json":
        return None
    if is_results_file(path):
        return LM_EVAL
    return INSPECT if _opens_a_log(path) else None


def _opens_a_log(path: Path) -> bool:
    """Whether a JSON file begins as an Inspect log does: version, status, eval."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t")
    return start.startswith(b"{") and b'"eval"' in head and b'"task"' in head
