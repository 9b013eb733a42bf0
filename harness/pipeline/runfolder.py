"""A run's folder: what was asked (study.yaml), what was tuned, what was answered, the reports."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.errors import RunFolderError


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


def fingerprint(plan: Mapping[str, Any]) -> str:
    """A hash of everything that decides a run's numbers."""
    text = yaml.safe_dump(dict(plan), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def open_folder(
    path: Path, plan: Mapping[str, Any], *, resume: bool = False, overwrite: bool = False
) -> RunFolder:
    """Open a folder for a run of ``plan``; write its manifest if it is new.

    A folder that holds another run, or an earlier one of the same plan, is never mixed up
    with this one: the caller says whether to take it up again or to begin anew.

    Raises:
        RunFolderError: the folder holds a run and neither was said, or it differs.
    """
    folder = RunFolder(path)
    if folder.exists() and overwrite:
        _clear(folder)
    if folder.exists():
        _check_same(folder, plan, resume=resume)
    else:
        _make(folder, plan)
    return folder


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a run folder's study.yaml.

    Raises:
        RunFolderError: no such folder, or no readable manifest in it.
    """
    folder = RunFolder(path)
    if not path.is_dir():
        raise RunFolderError(f"{path}: no such run folder")
    try:
        manifest = yaml.safe_load(folder.manifest.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunFolderError(f"{path}: no study.yaml in it, so this is no run folder") from error
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise RunFolderError(f"{folder.manifest}: cannot be read: {error}") from error
    if not isinstance(manifest, dict) or "plan" not in manifest:
        raise RunFolderError(f"{folder.manifest}: is no manifest of a run (no 'plan' in it)")
    return manifest


def _make(folder: RunFolder, plan: Mapping[str, Any]) -> None:
    from harness import __version__

    manifest = {"harness": __version__, "hash": fingerprint(plan), "plan": dict(plan)}
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.manifest.write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")
    except OSError as error:
        raise RunFolderError(f"{folder.path}: cannot be written: {error.strerror}") from error


def _check_same(folder: RunFolder, plan: Mapping[str, Any], *, resume: bool) -> None:
    manifest = read_manifest(folder.path)
    if manifest.get("hash") != fingerprint(plan):
        changed = ", ".join(_differences(manifest["plan"], plan)) or "its content"
        raise RunFolderError(
            f"{folder.path}: holds another run (different: {changed}); "
            "choose another --out, or begin anew with --overwrite"
        )
    if not resume:
        raise RunFolderError(
            f"{folder.path}: holds this run already; "
            "go on with --resume, begin anew with --overwrite, or choose another --out"
        )


def _differences(old: Any, new: Any, where: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, Mapping):
        keys = sorted({*old, *new}, key=str)
        return [d for k in keys for d in _differences(old.get(k), new.get(k), f"{where}.{k}")]
    return [] if old == new else [where.lstrip(".")]


def _clear(folder: RunFolder) -> None:
    """Remove what a run wrote; whatever else lies in the folder stays."""
    for name in ("study.yaml", "journal.jsonl", "journal.lock", "tuning.jsonl", "junit.xml"):
        (folder.path / name).unlink(missing_ok=True)
    for name in ("report.html", "report.md", "report.json"):
        (folder.path / name).unlink(missing_ok=True)
    for name in ("data", "logs"):
        shutil.rmtree(folder.path / name, ignore_errors=True)
