"""The lines of a log of OpenAI evals, in whatever order: who ran what, what happened, the end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from harness.errors import DatasetError

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """One event of one sample; ``number`` is its place in the run."""

    number: int
    kind: str
    data: Data


@dataclass(slots=True)
class Lines:
    """A whole log, its events by sample in the run's order."""

    spec: Data
    events: dict[str, list[Event]]
    final_report: Data | None
    notes: list[str] = field(default_factory=list)


def read_lines(path: Path) -> Lines:
    """Read a log; a torn last line and lines of no known kind are noted and passed over.

    Raises:
        DatasetError: not readable, no log, a broken line, or several runs in one file.
    """
    reading = _Reading(path)
    for number, line in _objects(path, reading.notes):
        reading.take(number, line)
    return reading.lines()


@dataclass(slots=True)
class _Reading:
    """What has been seen of a log so far."""

    path: Path
    spec: Data | None = None
    spec_line: int = 0
    final_report: Data | None = None
    runs: dict[str, int] = field(default_factory=dict)
    """The first line of each run."""
    events: dict[str, list[Event]] = field(default_factory=dict)
    strangers: int = 0
    notes: list[str] = field(default_factory=list)

    def take(self, number: int, line: Data) -> None:
        if isinstance(line.get("spec"), dict):
            self._take_spec(number, line["spec"])
        elif "final_report" in line:
            self._take_end(number, line)
        elif isinstance(line.get("type"), str) and isinstance(line.get("sample_id"), str):
            self._take_event(number, line)
        else:
            self.strangers += 1

    def _take_spec(self, number: int, spec: Data) -> None:
        if self.spec is not None:
            raise DatasetError(
                f"{self.path}:{number}: a second run begins here (the first in line "
                f"{self.spec_line}); split the file: one log a run"
            )
        self.spec, self.spec_line = spec, number
        self._see_run(number, spec)

    def _take_end(self, number: int, line: Data) -> None:
        self._see_run(number, line)
        if self.final_report is not None:
            raise DatasetError(
                f"{self.path}:{number}: a second final report; split the file: one log a run"
            )
        report = line["final_report"]
        self.final_report = report if isinstance(report, dict) else {}

    def _take_event(self, number: int, line: Data) -> None:
        self._see_run(number, line)
        place, data = line.get("event_id"), line.get("data")
        event = Event(
            place if isinstance(place, int) else number,
            line["type"],
            data if isinstance(data, dict) else {"value": data},
        )
        self.events.setdefault(line["sample_id"], []).append(event)

    def _see_run(self, number: int, line: Data) -> None:
        run = line.get("run_id")
        if not isinstance(run, str):
            return
        self.runs.setdefault(run, number)
        if len(self.runs) > 1:
            first = next(iter(self.runs))
            raise DatasetError(
                f"{self.path}:{number}: belongs to run {run}, lines before it to run {first}; "
                "split the file: one log a run"
            )

    def lines(self) -> Lines:
        if self.spec is None:
            raise DatasetError(
                f"{self.path}: is no log of OpenAI evals (no line with a 'spec'); "
                "name a log or a run folder"
            )
        if self.strangers:
            self.notes.append(f"{self.strangers} lines are no events and were passed over")
        if self.final_report is None:
            self.notes.append("no final report: the run did not come to its end")
        for events in self.events.values():
            events.sort(key=lambda event: event.number)
        return Lines(self.spec, self.events, self.final_report, self.notes)


# --- JSON ----------------------------------------------------------------------------


def _objects(path: Path, notes: list[str]) -> Iterator[tuple[int, Data]]:
    """Every line's object; a broken one is an error unless it is the last."""
    broken = 0
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if not raw.strip():
                    continue
                if broken:
                    break
                line = _parsed(raw)
                if line is None:
                    broken = number
                else:
                    yield number, line
            else:
                number = 0
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error
    if broken and number:
        raise DatasetError(f"{path}:{broken}: is no JSON object; remove or repair this line")
    if broken:
        notes.append(f"line {broken}, the last one, is torn and was left out")


def _parsed(raw: bytes) -> Data | None:
    """The object in a line, also with NaN and Infinity, which Python's writer lets through."""
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError:
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            return None
    return line if isinstance(line, dict) else None
