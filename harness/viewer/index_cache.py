"""The folder that indexes are kept in: who used which one last, and what is not needed any more."""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path

DAY_S = 24 * 3600.0
UNUSED_S = 90 * DAY_S
"""An index that nobody used for so long is made anew where somebody asks for it."""

NOTE = ".path"
"""Ends the file beside an index that names its journal, and whose time is that of the last use."""

PARTS = (".sqlite", ".sqlite-wal", ".sqlite-shm", ".lock", NOTE)
_NAME = re.compile("[0-9a-f]{32}")


def note_use(index: Path, journal: Path) -> None:
    """Keep that the index of a journal is used now."""
    with suppress(OSError):  # a full disk: the index may be removed early, and is made anew
        index.with_suffix(NOTE).write_bytes(bytes(journal))


def remove_unused(folder: Path, now: float) -> None:
    """Remove the indexes whose journal is gone, or that were not used for long.

    What cannot be removed stays, and nobody is told: it is tried again at the next start.
    """
    for index in folder.glob("*.sqlite"):
        if _NAME.fullmatch(index.stem):
            with suppress(OSError):
                if _is_unused(index, now):
                    _remove(index)


def _is_unused(index: Path, now: float) -> bool:
    note = index.with_suffix(NOTE)
    if not note.exists():  # of an earlier version, which kept none
        return now - index.stat().st_mtime > UNUSED_S
    journal = Path(os.fsdecode(note.read_bytes()))
    return now - note.stat().st_mtime > UNUSED_S or not journal.exists()


def _remove(index: Path) -> None:
    """Remove an index that nobody writes just now."""
    with index.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for part in PARTS:
            index.with_suffix(part).unlink(missing_ok=True)
