"""Which bytes a run has read."""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness.datasets.lines import files
from harness.errors import DatasetError


def file_hash(path: Path) -> str:
    """SHA-256 of a file, or of the names and hashes of a folder's data files, as hex."""
    if not path.is_dir():
        return _file_hash(path)
    parts = (f"{file.relative_to(path).as_posix()} {_file_hash(file)}\n" for file in files(path))
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def _file_hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error
