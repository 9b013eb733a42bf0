"""Lines that people cause, kept beside a run: appended only, whole or not at all.

Several viewers may write at once, and a process may die within a line: what is torn is passed
over, and the next line begins anew.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from harness.errors import RunFolderError


def append_line(path: Path, line: Mapping[str, Any]) -> None:
    """Write one object behind the others; other writers wait until it is on the disk.

    Raises:
        RunFolderError: it cannot be written, or leads elsewhere by a link.
    """
    try:
        file = os.open(
            path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644
        )
    except OSError as error:
        raise _stuck(path, error) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        _write(file, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        os.fsync(file)
    except OSError as error:
        raise _stuck(path, error) from error
    finally:
        os.close(file)


def lines_in(path: Path) -> Iterator[Mapping[str, Any]]:
    """Every whole object of a file, in the order written; none where there is no file.

    Raises:
        RunFolderError: it is there and cannot be read.
    """
    try:
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with os.fdopen(opened, "rb") as file:
            for raw in file:
                try:
                    line = orjson.loads(raw)
                except orjson.JSONDecodeError:
                    continue
                if isinstance(line, dict):
                    yield line
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read ({error.strerror})") from error


def _write(file: int, line: bytes) -> None:
    size = os.fstat(file).st_size
    if size and os.pread(file, 1, size - 1) != b"\n":
        line = b"\n" + line  # what another process left torn is not made longer
    written = os.write(file, line)
    while written < len(line):
        written += os.write(file, line[written:])


def _stuck(path: Path, error: OSError) -> RunFolderError:
    return RunFolderError(
        f"{path}: cannot be written ({error.strerror}); make the run folder writable"
    )
