"""The results file: a line for every run that has ended. What is there is never made again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import orjson

from benchmarks.advice.collection import digest
from benchmarks.advice.tuning import Run

WORK = Path(__file__).parents[2] / "build" / "advice"
"""Where all of it lies; git does not look there."""


class Results:
    """Runs in a file that several processes may read and one writes."""

    def __init__(self, path: Path = WORK / "runs.jsonl") -> None:
        self.path = path

    def keep(self, run: Run) -> None:
        """Append a run; it is on disk when this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = orjson.dumps({"digest": digest(run.task)})[:-1] + b"," + run.line[1:] + b"\n"
        with self.path.open("ab") as file:
            if file.tell() and not self._ends_whole():
                file.write(b"\n")
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def _ends_whole(self) -> bool:
        """Whether the last line ends: one that was cut by a kill must not swallow the next."""
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def __iter__(self) -> Iterator[Run]:
        """Every whole run of a task that is still what it was, the first of each key."""
        seen = set()
        for line in self._lines():
            found = _whole(line)
            if found is None:
                continue
            fields, key = found
            if key not in seen:
                seen.add(key)
                yield Run.of(fields)

    def keys(self) -> set[tuple[str, int]]:
        """Which runs are there."""
        return {found[1] for line in self._lines() if (found := _whole(line))}

    def _lines(self) -> Iterator[bytes]:
        if self.path.exists():
            with self.path.open("rb") as file:
                yield from file


def _whole(line: bytes) -> tuple[dict[str, object], tuple[str, int]] | None:
    """A line's fields and key; None where it was cut, or its task has changed since."""
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    try:
        current = digest(fields["task"])
    except KeyError:
        return None
    if fields.pop("digest", None) != current:
        return None
    return fields, (fields["task"], fields["seed"])
