"""The result files of a run's batches: where each request's last result stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from harness.records import Request
from harness.running.runner import Case

OFFSET_BITS = 40


def custom_id(case: Case, request: Request, index: int) -> str:
    """What a request of a case is called in batches: no other one of the run is called so.

    Equal requests of several samples have names of their own, so each gets its own answer.
    """
    asked = (case.eval, case.sample.id, request.key, str(index))
    return blake2b("\n".join(asked).encode(), digest_size=16).hexdigest()


def requests_of(case: Case) -> list[tuple[str, Request]]:
    """What a case asks, under the names of batches."""
    asked = (case.request,) if case.parts is None else case.parts
    return [(custom_id(case, request, i), request) for i, request in enumerate(asked)]


@dataclass(frozen=True, slots=True)
class Result:
    """One line of a result file, and the number of the part that it belongs to."""

    part: int
    line: Mapping[str, Any]


@dataclass(eq=False)
class Results:
    """Results by custom id, of which the last one counts. It holds their places, not themselves.

    ``broken`` counts the lines that are no results.
    """

    broken: int = 0
    _files: list[tuple[int, Path]] = field(default_factory=list)
    _places: dict[int, int] = field(default_factory=dict, repr=False)

    def add(self, part: int, paths: Iterable[Path]) -> None:
        """Take in the result files of a part."""
        for path in paths:
            self._files.append((part, path))
            place = (len(self._files) - 1) << OFFSET_BITS
            with path.open("rb") as file:
                for raw in file:
                    self._index(raw, place)
                    place += len(raw)

    def __len__(self) -> int:
        """How many requests have a result."""
        return len(self._places)

    def find(self, custom_id: str) -> Result | None:
        """A request's result, if one came."""
        place = self._places.get(_number(custom_id))
        if place is None:
            return None
        part, path = self._files[place >> OFFSET_BITS]
        with path.open("rb") as file:
            file.seek(place & ((1 << OFFSET_BITS) - 1))
            line = orjson.loads(file.readline())
        return Result(part, line) if line["custom_id"] == custom_id else None

    def _index(self, raw: bytes, place: int) -> None:
        try:
            self._places[_number(orjson.loads(raw)["custom_id"])] = place
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            self.broken += bool(raw.strip())


def _number(custom_id: str) -> int:
    """A name as a number, which takes less room; 60 bits do not meet by chance."""
    return int(custom_id[:15], 16)
