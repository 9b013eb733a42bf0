"""Reading JSON lines from files and folders, plain or packed, one at a time."""

from __future__ import annotations

import gzip
import importlib
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import orjson

from harness.errors import DatasetError

BOM = b"\xef\xbb\xbf"
LONGEST_LINE = 256 * 2**20
LARGEST_LIST = 1024 * 2**20
"""A JSON list is read whole, lines are not."""

LFS_POINTER = b"version https://git-lfs"


class Place(NamedTuple):
    """Where an item stands: a line of a file, or an item of a JSON list; both from 1.

    ``start`` is a line's first byte, in a packed file that of the unpacked text.
    """

    path: Path
    number: int
    in_list: bool = False
    start: int = 0

    def __str__(self) -> str:
        return f"{self.path}: item {self.number}" if self.in_list else f"{self.path}:{self.number}"


def objects(path: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Every JSON object of a file or folder with its place; blank lines are passed over.

    Raises:
        DatasetError: not readable, not JSON, or not an object.
    """
    for place, item in items(path):
        yield place, decoded(item, place)


def items(path: Path) -> Iterator[tuple[Place, Any]]:
    """The same before decoding: bytes of a line, or a value of a JSON list."""
    for file in files(path):
        yield from _list_items(file) if _holds_a_list(file) else _line_items(file)


def decoded(item: Any, place: Place) -> dict[str, Any]:
    """The object that an item of ``items`` holds."""
    value = json_value(item, place) if isinstance(item, bytes) else item
    if not isinstance(value, dict):
        raise DatasetError(f"{place}: not a JSON object but {_kind(value)}; write {{...}}")
    return value


# --- files ---------------------------------------------------------------------------


def files(path: Path) -> list[Path]:
    """The file itself, or all .jsonl files below a folder (packed ones too), sorted.

    Raises:
        DatasetError: nothing there, or a link in the folder that leads out of it.
    """
    if not path.is_dir():
        return [path]
    home = path.resolve()
    found = sorted(file for file in path.rglob("*.jsonl*") if _is_lines_file(file))
    for file in found:
        if not file.resolve().is_relative_to(home):
            raise DatasetError(f"{file}: a link out of {path}; put the file itself there")
    if not found:
        raise DatasetError(f"{path}: this folder holds no .jsonl file")
    return found


def _is_lines_file(path: Path) -> bool:
    suffixes = path.suffixes[-2:] if path.suffix in PACKED else path.suffixes[-1:]
    return path.is_file() and suffixes[:1] == [".jsonl"]


def _holds_a_list(path: Path) -> bool:
    bare = path.with_suffix("") if path.suffix in PACKED else path
    if bare.suffix != ".json":
        return False
    first = next((line for _, line in _line_items(path)), b"")
    return first.lstrip().startswith(b"[")


def _list_items(path: Path) -> Iterator[tuple[Place, Any]]:
    text = b"".join(_within(LARGEST_LIST, path)).removeprefix(BOM)
    for number, value in enumerate(json_value(text, Place(path, 1)), 1):
        yield Place(path, number, in_list=True), value


def _within(most: int, path: Path) -> Iterator[bytes]:
    size = 0
    for line in _stream(path):
        size += len(line)
        if size > most:
            raise DatasetError(f"{path}: a list of more than {most:,} bytes; write JSON lines")
        yield line


def _line_items(path: Path) -> Iterator[tuple[Place, bytes]]:
    number = start = 0
    for line in _stream(path):
        if number == 0 and line.startswith(BOM):
            line, start = line.removeprefix(BOM), len(BOM)
        # A bare carriage return ends a line too; inside JSON text it can only be white space.
        splits = b"\r" in line and b"\r" in line.rstrip(b"\r\n")
        first = start
        for part in line.split(b"\r") if splits else (line,):
            number += 1
            if part and not part.isspace():
                yield Place(path, number, start=first), part
            first += len(part) + 1
        start += len(line)


def is_seekable(path: Path) -> bool:
    """Can a line be read again at its ``start``? Not in folders, lists and packed files."""
    return path.is_file() and path.suffix not in PACKED and not _holds_a_list(path)


def _stream(path: Path) -> Iterator[bytes]:
    """Lines as they come from the disk, unpacked by the file's suffix."""
    try:
        yield from PACKED.get(path.suffix, _plain)(path)
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DatasetError(
            f"{path}: is no whole gzip file ({error}); copy it or pack it again"
        ) from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error


def _bounded(file: IO[bytes], path: Path) -> Iterator[bytes]:
    """The file's lines; a packed file could hold one that fills the memory."""
    for number, line in enumerate(iter(partial(file.readline, LONGEST_LINE + 1), b""), 1):
        if len(line) > LONGEST_LINE:
            raise DatasetError(
                f"{path}:{number}: longer than {LONGEST_LINE:,} bytes; write one JSON object a line"
            )
        yield line


def _plain(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from _bounded(file, path)


def _gzip(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as file:
        yield from _bounded(cast("IO[bytes]", file), path)


def _zstd(path: Path) -> Iterator[bytes]:
    zstandard = _optional("zstandard", path)
    try:
        with zstandard.open(path, "rb") as file:
            yield from _bounded(io.BufferedReader(file), path)
    except zstandard.ZstdError as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error


def _lz4(path: Path) -> Iterator[bytes]:
    frame = _optional("lz4.frame", path)
    try:
        with frame.open(path, "rb") as file:
            yield from _bounded(file, path)
    except RuntimeError as error:  # what lz4 raises for a broken frame
        raise DatasetError(f"{path}: cannot be read ({error})") from error


PACKED: Mapping[str, Callable[[Path], Iterator[bytes]]] = {
    ".gz": _gzip,
    ".zst": _zstd,
    ".lz4": _lz4,
}


def _optional(module: str, path: Path) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise DatasetError(
            f"{path}: reading {path.suffix} needs the package {package}; install it or unpack"
            " the file"
        ) from error


# --- one line ------------------------------------------------------------------------


def json_value(text: bytes, place: Place) -> Any:
    """What a line of JSON holds.

    Raises:
        DatasetError: broken JSON, with what is wrong and where.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _slow_value(text, place)


def _slow_value(text: bytes, place: Place) -> Any:
    """Python's own parser: it accepts NaN and very large numbers, and says what is wrong."""
    if text.startswith(LFS_POINTER):
        raise DatasetError(f"{place}: a Git LFS pointer, not the data; run 'git lfs pull'")
    try:
        value = json.loads(text.decode())
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{place}: byte {error.start + 1} is not UTF-8; save the file as UTF-8"
        ) from error
    except UnicodeEncodeError as error:
        raise DatasetError(
            f"{place}: holds half a character (a lone \\ud800-\\udfff); write the whole one"
        ) from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column" if error.lineno > 1 else "column"
        raise DatasetError(
            f"{place}: broken JSON at {where} {error.colno} ({error.msg}); write one JSON object"
            " a line"
        ) from error
    except RecursionError as error:
        raise DatasetError(f"{place}: JSON is nested too deeply") from error
    except ValueError as error:
        raise DatasetError(f"{place}: a number is too long ({error})") from error
    return value


KINDS: Mapping[type, str] = {str: "a text", list: "a list", bool: "a truth value", int: "a number"}


def _kind(value: Any) -> str:
    return "nothing" if value is None else KINDS.get(type(value), "a number")
