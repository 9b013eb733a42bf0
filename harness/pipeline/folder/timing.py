"""When the first answer came, and how long there was asking: a run folder's timing.jsonl."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from harness.records import Outcome
from harness.running.runner import Observer, Tally


@dataclass(eq=False)
class Stopwatch:
    """Sees the first answer that somebody was asked for; passes everything on."""

    observer: Observer | None = None
    clock: Callable[[], float] = perf_counter
    first_answer_s: float | None = None

    def __post_init__(self) -> None:
        self._began = self.clock()

    def observe(self, outcome: Outcome, tally: Tally) -> None:
        """See one outcome."""
        if self.first_answer_s is None:
            completion = outcome.completion
            if completion is not None and not completion.replayed:
                self.first_answer_s = self.clock() - self._began
        if self.observer is not None:
            self.observer.observe(outcome, tally)

    def write(self, path: Path) -> None:
        """Add a line about this part of the run, unless nobody answered.

        A folder that cannot be written is not worth a run: then there is no line.
        """
        if self.first_answer_s is None:
            return
        asked_s = self.clock() - self._began
        line = {"first_answer_s": round(self.first_answer_s, 4), "asked_s": round(asked_s, 3)}
        with suppress(OSError), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


@contextmanager
def timed(journal: Path, observer: Observer | None) -> Iterator[Stopwatch]:
    """Time the block's answers, and write it down beside the journal however the block ends."""
    stopwatch = Stopwatch(observer)
    try:
        yield stopwatch
    finally:
        stopwatch.write(journal.with_name("timing.jsonl"))


def first_answer_s(path: Path) -> float | None:
    """Seconds to the first answer of a run, as its first part that ended says."""
    try:
        with path.open(encoding="utf-8") as file:
            found = json.loads(file.readline()).get("first_answer_s")
    except (OSError, ValueError, AttributeError):
        return None
    return float(found) if isinstance(found, int | float) else None
