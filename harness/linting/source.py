"""From a file to its lines, one at a time; what cannot be a training file is told at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.datasets.lines import LFS_POINTER, PACKED, decoded, items
from harness.errors import DatasetError, UsageError

WRITE = 'write one JSON object a line, such as {"messages": [...]}'
SNIFFED = 4096

MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "packed with gzip: name it .gz"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd: name it .zst"),
    (b"\x04\x22\x4d\x18", "packed with lz4: name it .lz4"),
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"PAR1", "a Parquet file"),
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet"),
    (b"SQLite format 3", "a database"),
    (b"%PDF", "a PDF"),
    (b"ARROW1", "an Arrow file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)
"""How files begin that are no JSON lines."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: the object that it holds, or the ``fault`` that keeps it from being read."""

    number: int
    value: dict[str, Any] | None
    fault: str = ""
    size: int = 0


def lines_of(path: Path) -> Iterator[Line]:
    """Every line that is not blank.

    Raises:
        UsageError: there is no such file, or it is a folder.
        DatasetError: nothing in it can be a line of training data.
    """
    check_kind(path)
    for place, item in items(path):
        size = len(item) if isinstance(item, bytes) else 0
        try:
            yield Line(place.number, decoded(item, place), size=size)
        except DatasetError as error:
            yield Line(place.number, None, str(error).removeprefix(f"{place}: "), size)


def check_kind(path: Path) -> None:
    """Refuse what no line can be read from.

    Raises:
        UsageError: there is no such file, or it is a folder.
        DatasetError: it is empty, not UTF-8 text, a list, or a table.
    """
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name one training file in it")
    if not path.exists():
        raise UsageError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise UsageError(f"{path}: is a pipe or a device; save it to a file first")
    if path.suffix in PACKED:
        return
    try:
        with path.open("rb") as file:
            head = file.read(SNIFFED)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    what = _not_lines(head, path)
    if what:
        raise DatasetError(f"{path}{what}")


def _not_lines(head: bytes, path: Path) -> str:
    """What a file is instead of JSON lines, with the repair; "" where it may be."""
    bare = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    first = bare.partition(b"\n")[0].strip()
    found = next((name for magic, name in MAGIC if head.startswith(magic)), None)
    if found is None and b"\x00" in head[:200]:
        found = _wide(head) or "a binary file"
    if found is not None and found.startswith("UTF"):
        return f":1: is {found}, not UTF-8; convert it: iconv -f {found} -t UTF-8 {path.name}"
    if found is not None and found.startswith("packed"):
        return f": is {found}, or unpack it"
    if found is not None:
        return f": is {found}; export it as JSON lines"
    if not bare:
        return f": is empty; {WRITE}"
    if bare.startswith(LFS_POINTER):
        return ":1: is a Git LFS pointer, not the data; run 'git lfs pull'"
    if bare.startswith(b"[") and path.suffix != ".json":
        return f":1: is one JSON list; {WRITE} (jq -c '.[]' {path.name}), or name it .json"
    if bare.startswith(b"{") and b"\n" in bare and first in (b"{", b"{\r"):
        return f":1: is one object over several lines; {WRITE} (jq -c . {path.name})"
    if not first.startswith((b"{", b"[")) and (b"," in first or b"\t" in first or b";" in first):
        return f":1: looks like a table (CSV), not JSON; {WRITE}"
    return ""


def _wide(head: bytes) -> str | None:
    """The encoding of text that has a nought beside each character; None for other bytes."""
    sides = head[0:200:2], head[1:200:2]
    noughts = [side.count(0) / max(1, len(side)) for side in sides]
    if max(noughts) < 0.5 or min(noughts) > 0:
        return None
    return "UTF-16BE" if noughts[0] else "UTF-16LE"
