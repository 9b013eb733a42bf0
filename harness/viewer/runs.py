"""The run folders below a root: found anew whenever they are asked for, and by name only.

A page names a run by its slug. A slug is looked up among the folders that were found, never
joined to a path, so no request reaches a file outside of the root.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from harness.pipeline.folder.runfolder import RunFolder

DEEPEST = 4
"""Folders below the root; a run folder is not searched further."""

BETWEEN = "~"

Wanted = Callable[[Path], bool]
"""Whether a folder is worth a look."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder, the ``slug`` that addresses know it by, and its ``name`` for readers: its path
    below the root."""

    slug: str
    folder: RunFolder
    name: str

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.folder.path


@dataclass(frozen=True, slots=True)
class Runs:
    """All runs below ``root``."""

    root: Path

    def all(self) -> list[Run]:
        """Every run folder, by path.

        Raises:
            UsageError: the root is no folder that can be read.
        """
        if not self.root.is_dir():
            raise UsageError(f"{self.root}: no such folder; name one that holds run folders")
        return [self._run(path) for path in _run_folders(self.root, DEEPEST, lambda folder: True)]

    def find(self, slug: str) -> Run | None:
        """The run of this slug, if there is one now; only folders on the way to it are read."""

        def leads_there(folder: Path) -> bool:
            there = self._slug(folder)
            return slug == there or slug.startswith(there + BETWEEN)

        found = map(self._run, _run_folders(self.root, DEEPEST, leads_there))
        return next((run for run in found if run.slug == slug), None)

    def _run(self, path: Path) -> Run:
        return Run(self._slug(path), RunFolder(path), self._joined(path, "/"))

    def _slug(self, path: Path) -> str:
        return self._joined(path, BETWEEN)

    def _joined(self, path: Path, between: str) -> str:
        parts = path.relative_to(self.root).parts or (path.resolve().name,)
        # An address is UTF-8; a folder's name is whatever bytes the file system took.
        return os.fsencode(between.join(parts)).decode("utf-8", "replace")


def _run_folders(folder: Path, depth: int, is_wanted: Wanted) -> Iterator[Path]:
    if RunFolder(folder).exists():
        yield folder
    elif depth:
        for path in filter(is_wanted, _folders_in(folder)):
            yield from _run_folders(path, depth - 1, is_wanted)


def _folders_in(folder: Path) -> list[Path]:
    """Folders that may hold runs, without links: those may lead out of the root."""
    try:
        with os.scandir(folder) as entries:
            found = [e.path for e in entries if e.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return sorted(Path(path) for path in found if not os.path.basename(path).startswith("."))
