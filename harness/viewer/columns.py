"""The answers of one model to one eval as columns: a few bytes for each, never a text.

Rows are in the order of places and repeats. A place is a sample's number within its eval.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

ANSWER = np.dtype(
    [
        ("place", "<i8"),
        ("repeat", "<i4"),
        ("offset", "<i8"),
        ("length", "<i4"),
        ("mark", "<f8"),
        ("label", "<i4"),
        ("failure", "<i4"),
        ("tokens", "<i4"),
        ("latency_s", "<f4"),
    ]
)
"""One line of the journal. ``label`` and ``failure`` are numbers of texts, 0 for none; NaN is no
mark and no latency, -1 no tokens."""

Rows = NDArray[np.void]
Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

UNMARKED, FAILED, WRONG, PARTLY, RIGHT = range(5)


def merged(old: Rows, new: Rows) -> tuple[Rows, Rows]:
    """Both together, in order, and those that a later answer to the same replaced."""
    rows = np.concatenate([old, new])
    order = np.lexsort((rows["repeat"], rows["place"]))  # stable: later lines stay behind
    rows = rows[order]
    same = (rows["place"][1:] == rows["place"][:-1]) & (rows["repeat"][1:] == rows["repeat"][:-1])
    replaced = np.append(same, np.zeros(min(len(rows), 1), bool))
    return rows[~replaced], rows[replaced]


@dataclass(frozen=True)
class Verdicts:
    """What became of each sample: its answers' mean mark, and what follows from it."""

    answers: Rows

    @cached_property
    def starts(self) -> Indices:
        """Where each sample's answers begin."""
        places = self.answers["place"]
        if not len(places):
            return np.zeros(0, np.int64)
        return np.flatnonzero(np.append(True, places[1:] != places[:-1]))

    @cached_property
    def counts(self) -> Indices:
        """How many answers each sample has."""
        return np.diff(np.append(self.starts, len(self.answers)))

    @cached_property
    def places(self) -> Indices:
        """The samples, by their places, in order."""
        return np.ascontiguousarray(self.answers["place"][self.starts])

    @cached_property
    def marks(self) -> Numbers:
        """The mean mark of each sample; NaN where it has none."""
        return self._means("mark")

    @cached_property
    def latencies_s(self) -> Numbers:
        """The mean latency of each sample's answers; NaN where none was measured."""
        return self._means("latency_s")

    @cached_property
    def tokens(self) -> Numbers:
        """The mean tokens of each sample's answers; NaN where the server did not say."""
        return self._means("tokens")

    @cached_property
    def states(self) -> NDArray[np.int8]:
        """UNMARKED, FAILED, WRONG, PARTLY or RIGHT for each sample."""
        marks, failed = self.marks, self.have(self.answers["failure"] > 0)
        states = np.where(failed, FAILED, UNMARKED).astype(np.int8)
        states[marks <= 0] = WRONG
        states[(marks > 0) & (marks < 1)] = PARTLY
        states[marks >= 1] = RIGHT
        return states

    def have(self, flags: Flags) -> Flags:
        """The samples of which an answer has this."""
        if len(self.starts) == len(flags):
            return flags
        return np.logical_or.reduceat(flags, self.starts)

    def at(self, places: Indices) -> tuple[Indices, Flags]:
        """Where these samples stand here, and whether they do."""
        if not len(self.places):
            return np.zeros(len(places), np.int64), np.zeros(len(places), bool)
        last = len(self.places) - 1
        if self.places[last] - self.places[0] == last:  # without a gap: nothing to search
            found = np.clip(places - self.places[0], 0, last)
        else:
            found = np.minimum(np.searchsorted(self.places, places), last)
        return found, self.places[found] == places

    def of(self, place: int) -> Rows:
        """The answers to one sample, the first repeat first."""
        low, high = np.searchsorted(self.answers["place"], [place, place + 1])
        return self.answers[low:high]

    def _means(self, name: str) -> Numbers:
        values = self.answers[name].astype(np.float64)
        if name == "tokens":
            values[values < 0] = np.nan
        if len(self.starts) == len(values):
            return values
        known = ~np.isnan(values)
        total = np.add.reduceat(np.where(known, values, 0.0), self.starts)
        with np.errstate(invalid="ignore"):
            return np.asarray(total / np.add.reduceat(known.astype(np.int64), self.starts))
