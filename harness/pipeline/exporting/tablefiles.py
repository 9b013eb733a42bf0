"""Tables as files: CSV, JSON lines or Parquet, row by row, whole or not at all."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol, Self

import orjson

from harness.errors import UsageError
from harness.pipeline.exporting.exported import Column, Kind, Row
from harness.pipeline.folder.runfolder import EXPORTS
from harness.whole_file import whole_file

STDOUT = Path("-")
ROWS_AT_ONCE = 2_000
"""Rows that are held before they are written."""

EXTRA = "finetune-harness[parquet]"


@dataclass(frozen=True, slots=True)
class TableFile:
    """Where a table goes and in which format; the path ``-`` is standard output.

    ``raw`` writes text cells of a CSV as they are; else those that a spreadsheet would take for
    a formula are marked as text.
    """

    path: Path
    format: str
    raw: bool = False

    @classmethod
    def named(cls, path: Path, format: str | None = None, *, raw: bool = False) -> TableFile:
        """A file whose format its name says, or ``format`` where it says nothing.

        Raises:
            UsageError: no known format, two that contradict, Parquet to standard output, or
                Parquet without what writes it.
        """
        suffix = path.suffix.lower().removeprefix(".")
        if suffix in EXPORTS and format not in (None, suffix):
            raise UsageError(f"{path}: its name says {suffix}, --format says {format}; leave one")
        known = suffix if suffix in EXPORTS else format
        if known is None and path == STDOUT:
            known = "csv"
        if known not in EXPORTS:
            raise UsageError(
                f"{path}: no format in the name; end it in .csv, .jsonl or .parquet, "
                "or give --format"
            )
        if known == "parquet":
            if path == STDOUT:
                raise UsageError("Parquet cannot go to standard output; name a file")
            check_parquet(str(path))
        return cls(path, known, raw)

    def write(
        self, rows: Iterable[Row], columns: Sequence[Column], advance: Callable[[int], None]
    ) -> int:
        """Write all rows and return how many; ``advance`` is told of so many more at a time.

        The file appears when it is whole: until then it lies beside its place, and whatever
        stops the writing removes it.

        Raises:
            UsageError: it cannot be written.
        """
        try:
            return self._written(rows, columns, advance)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UsageError(
                f"{self.path}: cannot be written: {error.strerror or error}"
            ) from error

    def _written(
        self, rows: Iterable[Row], columns: Sequence[Column], advance: Callable[[int], None]
    ) -> int:
        count = 0
        with self._opened() as file, WRITERS[self.format](file, columns, self.raw) as writer:
            for chunk in _chunks(rows):
                writer.write(chunk)
                count += len(chunk)
                advance(len(chunk))
        return count

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        if self.path == STDOUT:
            with nullcontext(sys.stdout.buffer) as out:
                yield out
                out.flush()
            return
        with whole_file(self.path) as file:
            yield file


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    stream = iter(rows)
    while chunk := list(islice(stream, ROWS_AT_ONCE)):
        yield chunk


def check_parquet(what: str) -> None:
    """See that Parquet can be written.

    Raises:
        UsageError: what writes it is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise UsageError(f"{what}: Parquet needs pyarrow; pip install '{EXTRA}'") from error


# --- formats -------------------------------------------------------------------------


class Writer(Protocol):
    """Writes rows in one format; use it as a context manager."""

    def __init__(self, file: IO[bytes], columns: Sequence[Column], raw: bool) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def write(self, rows: Sequence[Row]) -> None:
        """Write some rows."""
        ...


_FORMULA = re.compile(r"['=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")


def as_text(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe stands before one.

    Plain numbers stay. An apostrophe that was there gets one, too, so that removing the first
    apostrophe of a cell always gives back what it was.
    """
    if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


class CsvWriter:
    """Comma-separated, UTF-8, RFC 4180: a header, and quotes where they are needed."""

    def __init__(self, file: IO[bytes], columns: Sequence[Column], raw: bool) -> None:
        self._file, self._columns, self._raw = file, columns, raw
        self._text = StringIO(newline="")
        self._lines = csv.writer(self._text)

    def __enter__(self) -> Self:
        self._lines.writerow([column.name for column in self._columns])
        self._flush()
        return self

    def __exit__(self, *error: object) -> None: ...

    def write(self, rows: Sequence[Row]) -> None:
        """Write some rows."""
        for row in rows:
            self._lines.writerow([self._cell(column, row) for column in self._columns])
        self._flush()

    def _cell(self, column: Column, row: Row) -> object:
        value = row[column.name]
        return value if column.kind != "text" or self._raw else as_text(value)

    def _flush(self) -> None:
        self._file.write(self._text.getvalue().encode("utf-8", "replace"))
        self._text.seek(0)
        self._text.truncate()


class JsonWriter:
    """One JSON object a line; what is not known is null."""

    def __init__(self, file: IO[bytes], columns: Sequence[Column], raw: bool) -> None:
        self._file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...

    def write(self, rows: Sequence[Row]) -> None:
        """Write some rows."""
        option = orjson.OPT_APPEND_NEWLINE
        self._file.write(b"".join(orjson.dumps(row, option=option) for row in rows))


class ParquetWriter:
    """Typed columns, compressed; a row group for each few thousand rows."""

    def __init__(self, file: IO[bytes], columns: Sequence[Column], raw: bool) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        kinds: Mapping[Kind, Any] = {
            "text": pa.string(),
            "whole": pa.int64(),
            "number": pa.float64(),
            "flag": pa.bool_(),
        }
        self._columns = columns
        self._schema = pa.schema([(column.name, kinds[column.kind]) for column in columns])
        self._table = pa.Table
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()

    def write(self, rows: Sequence[Row]) -> None:
        """Write some rows as one group."""
        self._writer.write_table(self._table.from_pylist(list(rows), schema=self._schema))


WRITERS: Mapping[str, type[Writer]] = {
    "csv": CsvWriter,
    "jsonl": JsonWriter,
    "parquet": ParquetWriter,
}
