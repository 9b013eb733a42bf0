"""A run's folder: what was asked (study.yaml), what was tuned, what was answered, the reports."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

from harness.datasets import file_hash
from harness.errors import RunFolderError, RunRefused
from harness.pipeline.folder import manifest as manifests
from harness.pipeline.folder.manifest import Manifest
from harness.running.batch_ledger import FOLDER, Ledger
from harness.running.journal import outcomes

EXPORTS = ("csv", "parquet", "jsonl")
"""The formats of what ``harness export`` writes."""

FILES = (
    "study.yaml",
    "journal.jsonl",
    "tuning.jsonl",
    "started.jsonl",
    "timing.jsonl",
    "report.html",
    "report.md",
    "report.json",
    "junit.xml",
    "looks.jsonl",
    "embeddings.jsonl",
    "lints.jsonl",
    *(f"{table}.{suffix}" for table in ("samples", "metrics") for suffix in EXPORTS),
)
"""What a run writes, and ``--overwrite`` removes. What people did beside it (reviews.jsonl,
copied.jsonl) is none of it: reviews of other answers are stale by themselves, and held-out samples
that went into training stay what they are."""

FOLDERS = ("data", "logs", "models", FOLDER)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of one run. Nothing here writes outside ``path``."""

    path: Path

    @property
    def manifest(self) -> Path:
        """The resolved study or run, with versions and hashes."""
        return self.path / "study.yaml"

    @property
    def journal(self) -> Path:
        """Every answer; append-only, the truth."""
        return self.path / "journal.jsonl"

    @property
    def tuning(self) -> Path:
        """Every finished tuning job: its checkpoints and curve."""
        return self.path / "tuning.jsonl"

    @property
    def started(self) -> Path:
        """Every tuning job that was started: a server goes on with it whoever follows."""
        return self.path / "started.jsonl"

    @property
    def models(self) -> Path:
        """What the embedded model was tuned to, where that is kept."""
        return self.path / "models"

    @property
    def timing(self) -> Path:
        """When the first answer came, for each part of the run."""
        return self.path / "timing.jsonl"

    @property
    def lints(self) -> Path:
        """What was found in the training data when the run began."""
        return self.path / "lints.jsonl"

    @property
    def embeddings(self) -> Path:
        """How far apart in meaning the answers are, by the embeddings of a model."""
        return self.path / "embeddings.jsonl"

    @property
    def data(self) -> Path:
        """Files made for tuning jobs, such as validation sets."""
        return self.path / "data"

    @property
    def reviews(self) -> Path:
        """What people say of the answers; never removed with the run."""
        return self.path / "reviews.jsonl"

    @property
    def copied(self) -> Path:
        """Which held-out samples were copied into training files; never removed with the run."""
        return self.path / "copied.jsonl"

    @property
    def batches(self) -> Path:
        """Batches of requests: what was sent, under which ids, and what came."""
        return self.path / FOLDER

    def batches_under_way(self) -> list[str]:
        """The batches that a server may be answering now, by their ids.

        Raises:
            RunFolderError: their ledger is broken.
        """
        ledger = Ledger.read(self.batches)
        return [part.batch or "one just sent" for part in ledger.sent] if ledger else []

    def exists(self) -> bool:
        """Does the folder hold a run?"""
        return self.manifest.exists() or self.journal.exists()

    def complete(self) -> bool:
        """Did the run come to its report?"""
        return (self.path / "report.json").exists()

    def read(self) -> Manifest:
        """What the run was asked to do."""
        return manifests.read(self.manifest)


def run_folder(out: str | Path | None, name: str) -> Path:
    """The folder to write to: as given, or the first free one in reports/ for this name."""
    if out is not None:
        return Path(out)
    root = Path("reports")
    names = chain([name], (f"{name}-{number}" for number in count(1)))
    return next(place for place in map(root.joinpath, names) if not place.exists())


def open_folder(
    path: Path, wanted: Manifest, *, resume: bool = False, overwrite: bool = False
) -> RunFolder:
    """Open a folder for a run; write its manifest if it is new.

    A folder that holds another run is never mixed up with this one. An unfinished run of the
    same plan is taken up again when the caller says ``resume``; a finished one needs no more
    answers, so it is opened as it is.

    Raises:
        RunRefused: the folder holds another run, an unfinished one without ``resume``, or
            none with it; or both options are given.
    """
    if resume and overwrite:
        raise RunRefused(f"{path}: resume goes on with a run, overwrite begins it anew; choose one")
    folder = RunFolder(path)
    if resume and not folder.exists():
        raise RunRefused(
            f"{path}: holds no run to go on with; name the run's folder with --out, "
            "or begin one without --resume"
        )
    if folder.exists() and overwrite:
        _clear(folder)
    if folder.exists():
        _check_same(folder, wanted, resume=resume)
    else:
        manifests.write(wanted, folder.manifest)
    return folder


def check_files(files: Mapping[str, str], run: Path) -> None:
    """See that a run's data files are what they were.

    Raises:
        RunFolderError: one has changed.
    """
    for name, digest in files.items():
        path = manifests.located(name)
        if file_hash(path) != digest:
            raise RunFolderError(
                f"{path}: has changed since the run in {run}; "
                "restore it, or run again with another --out"
            )


def write_lines(path: Path, objects: Iterable[Any]) -> Path:
    """Write a file made for a tuning job, one JSON object a line.

    Raises:
        RunFolderError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in objects)
        path.write_text(lines, encoding="utf-8")
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be written: {error.strerror}") from error
    return path


@dataclass(frozen=True, slots=True)
class Footprint:
    """What was at a run's place before it began, so that a run without an answer leaves nothing."""

    folder: RunFolder
    before: frozenset[Path]

    @classmethod
    def of(cls, path: Path) -> Footprint:
        """Look at a place before a run begins there."""
        places = (path, *path.parents, *(path / name for name in (*FILES, *FOLDERS)))
        return cls(RunFolder(path), frozenset(place for place in places if place.exists()))

    def holds_work(self) -> bool:
        """Was anything answered or tuned there, or sent in a batch?"""
        tuned, sent = self.folder.tuning.exists(), bool(self.folder.batches_under_way())
        return tuned or sent or _is_answered(self.folder.journal)

    def withdraw(self) -> bool:
        """Remove what the run made, and say so; an earlier run and whatever else stay."""
        if self.folder.manifest in self.before:
            return False
        path = self.folder.path
        with suppress(OSError):
            for name in FILES:
                if path / name not in self.before:
                    (path / name).unlink(missing_ok=True)
            for name in FOLDERS:
                if path / name not in self.before:
                    shutil.rmtree(path / name, ignore_errors=True)
            for folder in (path, *path.parents):
                if folder in self.before:
                    break
                folder.rmdir()
        return True


def _is_answered(journal: Path) -> bool:
    """Does a journal hold an answer? One that cannot be read may."""
    if not journal.exists():
        return False
    try:
        return any(outcome.completion is not None for outcome in outcomes(journal))
    except RunFolderError:
        return True


def _check_same(folder: RunFolder, wanted: Manifest, *, resume: bool) -> None:
    found = folder.read()
    if found.hash != wanted.hash:
        old, new = manifests.plain(found.plan), manifests.plain(wanted.plan)
        changed = ", ".join(_differences(old, new)[:5]) or "its content"
        raise RunRefused(
            f"{folder.path}: holds another run (different: {changed}); "
            "choose another --out, or begin anew with --overwrite"
        )
    if not (resume or folder.complete()):
        raise RunRefused(
            f"{folder.path}: holds this run, unfinished; "
            "go on with --resume, begin anew with --overwrite, or choose another --out"
        )


def _differences(old: Any, new: Any, where: str = "") -> list[str]:
    """Where two plans differ, with both values where these are short."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = sorted({*old, *new}, key=str)
        return [d for k in keys for d in _differences(old.get(k), new.get(k), f"{where}.{k}")]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [d for i, (a, b) in pairs for d in _differences(a, b, f"{where}.{_name(a, i)}")]
    if old == new:
        return []
    place = where.lstrip(".")
    short = all(isinstance(value, int | float | None) for value in (old, new))
    return [f"{place} {_value(old)} then, {_value(new)} now" if short else place]


def _name(item: Any, place: int) -> str:
    """What an item of a list is called: by its name, or by its place."""
    return str(item.get("name", place)) if isinstance(item, Mapping) else str(place)


def _value(value: float | None) -> str:
    return "unset" if value is None else str(value)


def _clear(folder: RunFolder) -> None:
    """Remove what a run wrote; whatever else lies in the folder stays."""
    try:
        for name in FILES:
            (folder.path / name).unlink(missing_ok=True)
        for name in FOLDERS:
            shutil.rmtree(folder.path / name, ignore_errors=True)
    except OSError as error:
        raise RunFolderError(f"{folder.path}: cannot be cleared: {error.strerror}") from error
