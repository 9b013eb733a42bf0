"""Texts from anybody's files, prompt by prompt: JSON lines, tables, plain text, runs and logs."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from harness.datasets.lines import PACKED, Place, items, json_value
from harness.errors import DatasetError, HarnessError, did_you_mean
from harness.pipeline.texts.fields import (
    ANSWERS,
    Answered,
    Layout,
    Record,
    answers_in,
    failure_of,
    named,
)
from harness.pipeline.texts.runs import journal_texts, log_texts
from harness.pipeline.texts.textset import Gathering, Reading, Tell, TextSet, silent

TABLES: Mapping[str, str] = {".csv": ",", ".tsv": "\t"}
JSON_STARTS = (b"{", b"[", b'"')
JOURNAL = "journal.jsonl"
PIPE = "standard input"
TOLD_EVERY = 20_000


def read_texts(
    place: str,
    reading: Reading | None = None,
    tell: Tell = silent,
    gathering: Callable[[Path], Gathering] = lambda path: Gathering(),
) -> list[TextSet]:
    """The texts of a file; of a run folder or journal, those of each model, the base first.

    ``place`` may end in ``#MODEL`` for a run. ``gathering`` says how lines are kept.

    Raises:
        DatasetError, RunFolderError: nothing there, unreadable, or no texts in it.
        UsageError: a model or an eval that the run does not have.
    """
    reading = reading or Reading()
    path, model = located(place)
    if path.is_dir() and (path / JOURNAL).exists():
        return journal_texts(path / JOURNAL, model, reading, place)
    if path.is_dir():
        raise DatasetError(
            f"{path}: a folder, but no run's; give a file, such as {path}/FILE.jsonl"
        )
    if not path.exists():
        raise DatasetError(f"{path}: no such file or folder")
    if is_table(path):
        return [table_texts(path, reading, place)]
    first = first_line(path)
    if first is None:
        raise DatasetError(f"{path}: is empty; give a file with a text or a JSON object a line")
    if b"\0" in first:
        raise DatasetError(f"{path}: holds bytes that are no text; give JSON lines, CSV or text")
    if first.startswith(b'{"journal":'):
        return journal_texts(path, model, reading, place)
    if first.lstrip().startswith(b'{"spec":'):
        return [log_texts(path)]
    whole = whole_object(path, first)
    if whole is not None:
        return [object_texts(whole, path, reading, place)]
    if bare_suffix(path) == ".txt" or not first.lstrip().startswith(JSON_STARTS):
        return [plain_texts(path, place, tell, gathering(path))]
    return [line_texts(path, reading, place, tell, gathering(path))]


def piped(stream: IO[bytes], reading: Reading | None = None, tell: Tell = silent) -> list[TextSet]:
    """The texts that come through a pipe, read to its end.

    Raises:
        DatasetError: as for `read_texts`.
    """
    with NamedTemporaryFile() as file:
        shutil.copyfileobj(stream, file)
        file.flush()
        try:
            found = read_texts(file.name, reading, tell)
        except HarnessError as error:
            raise DatasetError(str(error).replace(file.name, PIPE)) from error
        return [
            replace(
                one,
                name=one.name.replace(file.name, PIPE),
                problems=tuple(why.replace(file.name, PIPE) for why in one.problems),
            )
            for one in found
        ]


def located(place: str) -> tuple[Path, str]:
    """A path, and the model named behind it."""
    if Path(place).exists() or "#" not in place:
        return Path(place), ""
    path, _, model = place.rpartition("#")
    return Path(path), model


def bare_suffix(path: Path) -> str:
    """The suffix before that of a packed file."""
    return (path.with_suffix("") if path.suffix in PACKED else path).suffix.casefold()


def is_table(path: Path) -> bool:
    """A file of comma- or tab-separated values."""
    return bare_suffix(path) in TABLES


def first_line(path: Path) -> bytes | None:
    """The first line that is not blank, None where there is none."""
    found = next(items(path), None)
    return None if found is None else found[1] if isinstance(found[1], bytes) else b"{"


# --- lines ---------------------------------------------------------------------------


def line_texts(path: Path, reading: Reading, name: str, tell: Tell, found: Gathering) -> TextSet:
    """JSON values, one a line: texts, lists of answers to one prompt, or objects."""
    return gathered(json_values(path), reading, name, tell, found)


def json_values(path: Path) -> Iterator[tuple[object, Any]]:
    """Each line's value with its place; the error in its place where the line is broken."""
    for place, item in items(path):
        if not isinstance(item, bytes):
            yield place, item
            continue
        try:
            yield place, json_value(item, place)
        except DatasetError as error:
            yield place, error


def gathered(
    records: Iterable[tuple[object, Any]],
    reading: Reading,
    name: str,
    tell: Tell = silent,
    found: Gathering | None = None,
) -> TextSet:
    """The texts of a file's records, laid out like the first that can be read."""
    found, layout = found or Gathering(), None
    for number, (place, record) in enumerate(records, 1):
        if number % TOLD_EVERY == 0:
            tell(f"{name}: {number:,} lines read")
        if isinstance(record, DatasetError):
            found.leave(place, str(record).removeprefix(f"{place}: "), "broken")
            continue
        failure = failure_of(record) if isinstance(record, Mapping) else None
        if failure is not None:
            found.leave(place, failure, "failed")
            continue
        try:
            layout = layout or Layout.of(record, reading.field, reading.prompt_field)
            answered = layout.read(record)
        except DatasetError as error:
            found.leave(place, str(error), "unlike the first" if layout else "without texts")
            continue
        found.take(answered, place)
    found.laid_out = layout = layout or Layout()
    return found.result(name, str(layout), layout.grouped_by)


def plain_texts(path: Path, name: str, tell: Tell, found: Gathering) -> TextSet:
    """A text a line."""
    for place, item in items(path):
        if place.number % TOLD_EVERY == 0:
            tell(f"{name}: {place.number:,} lines read")
        try:
            found.take(Answered((bytes(item).decode().strip(),)), place)
        except UnicodeDecodeError as error:
            why = f"byte {error.start + 1} is not UTF-8; save the file as UTF-8"
            found.leave(place, why, "broken")
    return found.result(name, "a text a line", "")


def whole_object(path: Path, first: bytes) -> Record | None:
    """The one object that a .json file is; None where it holds lines or a list."""
    if bare_suffix(path) != ".json" or not first.lstrip().startswith(b"{"):
        return None
    lines = b"\n".join(item for _, item in items(path) if isinstance(item, bytes))
    try:
        value = json_value(lines, Place(path, 1))
    except DatasetError:
        return None
    return value if isinstance(value, dict) else None


def object_texts(whole: Record, path: Path, reading: Reading, name: str) -> TextSet:
    """One record, or lists of answers by prompt."""
    by_prompt = all(isinstance(texts, list) for texts in whole.values())
    if reading.field or not by_prompt or named(whole, ANSWERS) or not whole:
        return gathered([(path, whole)], reading, name)
    found = Gathering()
    for prompt, texts in whole.items():
        found.take(Answered(tuple(answers_in(texts)), prompt, prompt), path)
    return found.result(name, "lists of answers", "prompt")


# --- tables --------------------------------------------------------------------------


def table_texts(path: Path, reading: Reading, name: str) -> TextSet:
    """A table's rows; a lone column is the answers'.

    Raises:
        DatasetError: it is no table, or no column holds answers.
    """
    rows, columns = table_rows(path)
    if len(columns) == 1 and not reading.field:
        reading = replace(reading, field=columns[0])
    checked_column(path, reading.field, columns)
    checked_column(path, reading.prompt_field, columns)
    if not reading.field and rows:
        try:
            Layout.of(rows[0][1])
        except DatasetError as error:
            raise DatasetError(f"{path}: {error}") from error
    return gathered(rows, reading, name)


def checked_column(path: Path, name: str | None, columns: list[str]) -> None:
    """Refuse a column that is not there."""
    if name and name not in columns:
        raise DatasetError(f"{path}: has no column '{name}'{did_you_mean(name, columns)}")


def table_rows(path: Path) -> tuple[list[tuple[object, Record]], list[str]]:
    """The rows as objects with their places, and the columns' names."""
    import pandas as pd

    separator = TABLES[bare_suffix(path)]
    try:
        table = as_table(path, separator)
        if separator == "," and len(table.columns) == 1 and ";" in str(table.columns[0]):
            table = as_table(path, ";")
    except pd.errors.EmptyDataError as error:
        raise DatasetError(f"{path}: is empty; give a table with a line of column names") from error
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{path}: byte {error.start + 1} is not UTF-8; save the file as UTF-8"
        ) from error
    except pd.errors.ParserError as error:
        what = str(error).rpartition("error: ")[2].strip()
        raise DatasetError(f"{path}: {what}; put cells with separators in quotes") from error
    except (ValueError, OSError) as error:
        raise DatasetError(f"{path}: cannot be read as a table ({error})") from error
    columns = [str(column) for column in table.columns]
    cells = (dict(zip(columns, row, strict=True)) for row in table.itertuples(index=False))
    places = (f"{path}: row {number}" for number in range(1, len(table) + 1))
    return list(zip(places, cells, strict=True)), columns


def as_table(path: Path, separator: str) -> Any:
    """The table with every cell a text: 'NA' and '007' are answers too."""
    import pandas as pd

    return pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")


def named_apart(sets: Iterable[TextSet]) -> list[TextSet]:
    """The sets under names that differ: those that occur again get a number."""
    seen: Counter[str] = Counter()
    found = []
    for one in sets:
        seen[one.name] += 1
        again = seen[one.name]
        found.append(one if again == 1 else replace(one, name=f"{one.name} ({again})"))
    return found
