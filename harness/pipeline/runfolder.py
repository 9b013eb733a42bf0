"""A run's folder: what was asked (study.yaml), what was tuned, what was answered, the reports."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import RunFolderError
from harness.pipeline import manifest as manifests
from harness.pipeline.manifest import Manifest

FILES = (
    "study.yaml",
    "journal.jsonl",
    "tuning.jsonl",
    "report.html",
    "report.md",
    "report.json",
    "junit.xml",
)
FOLDERS = ("data", "logs")


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
    def data(self) -> Path:
        """Files made for tuning jobs, such as validation sets."""
        return self.path / "data"

    def exists(self) -> bool:
        """Does the folder hold a run?"""
        return self.manifest.exists() or self.journal.exists()

    def complete(self) -> bool:
        """Did the run come to its report?"""
        return (self.path / "report.json").exists()

    def read(self) -> Manifest:
        """What the run was asked to do."""
        return manifests.read(self.manifest)


def open_folder(
    path: Path, wanted: Manifest, *, resume: bool = False, overwrite: bool = False
) -> RunFolder:
    """Open a folder for a run; write its manifest if it is new.

    A folder that holds another run is never mixed up with this one. An unfinished run of the
    same plan is taken up again when the caller says ``resume``; a finished one needs no more
    answers, so it is opened as it is.

    Raises:
        RunFolderError: the folder holds another run, or an unfinished one without ``resume``.
    """
    folder = RunFolder(path)
    if folder.exists() and overwrite:
        _clear(folder)
    if folder.exists():
        _check_same(folder, wanted, resume=resume)
    else:
        manifests.write(wanted, folder.manifest)
    return folder


def _check_same(folder: RunFolder, wanted: Manifest, *, resume: bool) -> None:
    found = folder.read()
    if found.hash != wanted.hash:
        old, new = manifests.plain(found.plan), manifests.plain(wanted.plan)
        changed = ", ".join(_differences(old, new)[:5]) or "its content"
        raise RunFolderError(
            f"{folder.path}: holds another run (different: {changed}); "
            "choose another --out, or begin anew with --overwrite"
        )
    if not (resume or folder.complete()):
        raise RunFolderError(
            f"{folder.path}: holds this run, unfinished; "
            "go on with --resume, begin anew with --overwrite, or choose another --out"
        )


def _differences(old: Any, new: Any, where: str = "") -> list[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = sorted({*old, *new}, key=str)
        return [d for k in keys for d in _differences(old.get(k), new.get(k), f"{where}.{k}")]
    return [] if old == new else [where.lstrip(".")]


def _clear(folder: RunFolder) -> None:
    """Remove what a run wrote; whatever else lies in the folder stays."""
    try:
        for name in FILES:
            (folder.path / name).unlink(missing_ok=True)
        for name in FOLDERS:
            shutil.rmtree(folder.path / name, ignore_errors=True)
    except OSError as error:
        raise RunFolderError(f"{folder.path}: cannot be cleared: {error.strerror}") from error
