"""Compiled templates, kept beside their sources as Python keeps its modules."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from jinja2 import BytecodeCache, FileSystemBytecodeCache


def kept_beside(templates: Path) -> BytecodeCache | None:
    """Where compiled templates are kept; None where nobody may write there."""
    folder = templates / "__pycache__"
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
    writable = folder.is_dir() and os.access(folder, os.W_OK)
    return FileSystemBytecodeCache(str(folder), "%s.cache") if writable else None
