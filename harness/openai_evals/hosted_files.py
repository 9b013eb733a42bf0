"""Reads what people saved of OpenAI's hosted Evals: evals, runs, output items, data files.

A file holds one JSON object, a page of a list, a list, or one object a line; a folder holds
several such files. Nothing in them is trusted to be what the API once promised.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import DatasetError

EVAL, RUN, ITEM = "eval", "eval.run", "eval.run.output_item"
SUFFIXES = (".json", ".jsonl")
MAX_DEPTH = 4
"""How deep objects may lie inside pages and wrappers of the user's own."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SavedObject:
    """One object of the API, and where it stands."""

    data: Json
    place: str

    def text(self, key: str) -> str:
        """A text that has to be there.

        Raises:
            DatasetError: it is not.
        """
        value = self.data.get(key)
        if not isinstance(value, str) or not value:
            kind = self.data.get("object", "object")
            raise DatasetError(f"{self.place}: this {kind} has no '{key}'; save the whole object")
        return value

    def mapping(self, key: str) -> Json:
        """An object inside; empty where there is none."""
        return mapping(self.data.get(key))

    def objects(self, key: str) -> list[Json]:
        """The objects of a list inside."""
        return mappings(self.data.get(key))


@dataclass(slots=True)
class Saved:
    """Everything that the files hold. ``rows`` are lines of uploaded data files, by file."""

    evals: dict[str, SavedObject] = field(default_factory=dict)
    runs: dict[str, SavedObject] = field(default_factory=dict)
    items: dict[str, dict[str, SavedObject]] = field(default_factory=dict)
    rows: dict[Path, list[Json]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def runs_of(self, eval_id: str) -> list[SavedObject]:
        """The runs of an eval, the oldest first."""
        found = [run for run in self.runs.values() if run.data.get("eval_id") == eval_id]
        return sorted(found, key=lambda run: number(run.data.get("created_at")) or 0.0)

    def items_of(self, run_id: str) -> list[SavedObject]:
        """The output items of a run, in the order of its data."""
        found = list(self.items.get(run_id, {}).values())
        return sorted(found, key=lambda item: number(item.data.get("datasource_item_id")) or 0.0)


def mapping(value: Any) -> Json:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[Json]:
    """The objects of a list; nothing else of it."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def number(value: Any) -> float | None:
    """The value if it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if abs(float(value)) < float("inf") else None
    except OverflowError:
        return None


def read_saved(paths: Sequence[Path]) -> Saved:
    """Read all files; the same object saved twice counts once, as it was saved last.

    Raises:
        DatasetError: a file that cannot be read, is not JSON, or holds nothing of Evals.
    """
    saved = Saved()
    for file in _files(paths):
        found = False
        for value, place in _values(file):
            for one in _flat(value, place, saved.notes):
                found = _keep(saved, one, file) or found
        if not found:
            raise DatasetError(
                f"{file}: holds no eval, run or output item; save what client.evals.retrieve,"
                " client.evals.runs.list and client.evals.runs.output_items.list return"
            )
    return saved


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
        if not inside:
            raise DatasetError(f"{path}: holds no .json or .jsonl file; name the saved files")
        yield from inside


def _values(file: Path) -> Iterator[tuple[Any, str]]:
    """The JSON of the whole file, or else of each line."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{file}: is not UTF-8 text; save it as JSON") from error
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read ({error.strerror})") from error
    try:
        yield json.loads(text), str(file)
        return
    except (ValueError, RecursionError) as error:
        whole = error
    lines = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) < 2 or not lines[0][1].strip().endswith("}"):
        raise DatasetError(f"{file}: broken JSON ({whole}); save it again") from whole
    for place, line in lines:
        try:
            yield json.loads(line), f"{file}:{place}"
        except (ValueError, RecursionError) as error:
            raise DatasetError(f"{file}:{place}: broken JSON ({error}); save it again") from error


def _flat(value: Any, place: str, notes: list[str], depth: int = MAX_DEPTH) -> Iterator[Any]:
    """The API's objects and rows of data inside a value."""
    if isinstance(value, list):
        for one in value:
            yield from _flat(one, place, notes, depth - 1) if depth else ()
        return
    if not isinstance(value, dict):
        return
    if value.get("object") in (EVAL, RUN, ITEM) or _is_row(value):
        yield SavedObject(value, place)
        return
    if value.get("object") == "list" and value.get("has_more") is True:
        notes.append(f"{place}: this page says has_more; save the pages after it too")
    for inner in value.values():
        if depth and isinstance(inner, dict | list):
            yield from _flat(inner, place, notes, depth - 1)


def _is_row(value: Json) -> bool:
    return isinstance(value.get("item"), dict) and "object" not in value


def _keep(saved: Saved, one: SavedObject, file: Path) -> bool:
    kind = one.data.get("object")
    if kind == EVAL:
        saved.evals[one.text("id")] = one
    elif kind == RUN:
        saved.runs[one.text("id")] = one
    elif kind == ITEM:
        saved.items.setdefault(one.text("run_id"), {})[one.text("id")] = one
    else:
        saved.rows.setdefault(file, []).append(one.data)
    return True
