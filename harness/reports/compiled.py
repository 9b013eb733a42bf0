"""Templates of pages: escaped, and compiled once, kept beside their sources as Python keeps its
modules."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from jinja2 import (
    BytecodeCache,
    Environment,
    FileSystemBytecodeCache,
    FileSystemLoader,
    StrictUndefined,
)


def escaping(finalize: Callable[[object], object], *templates: Path) -> Environment:
    """Templates of these folders, the first one's first: every text that ``finalize`` lets
    through is escaped, and a name that is not there is an error."""
    return Environment(
        loader=FileSystemLoader(templates),
        bytecode_cache=kept_beside(templates[0]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def kept_beside(templates: Path) -> BytecodeCache | None:
    """Where compiled templates are kept; None where nobody may write there."""
    folder = templates / "__pycache__"
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
    writable = folder.is_dir() and os.access(folder, os.W_OK)
    return FileSystemBytecodeCache(str(folder), "%s.cache") if writable else None
