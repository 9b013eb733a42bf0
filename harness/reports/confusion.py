"""Lays out what was answered for what as a table: labels by labels, tinted by how many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.reports import wording
from harness.reports.document import Confusion

MOST_SHOWN = 12
"""Labels with a row of their own; all others share one."""

MOST_NAMED = 3
"""Mistakes that a sentence names."""

NAME_LIMIT = 40
HEADING_LIMIT = 18
"""Characters of a label above its column; the cells below say the whole of it."""

TURNED_FROM = 9
"""Labels longer than this, or more columns than that, are written upwards."""

TINTS = 8
OTHERS = "others"
NO_LABEL = "no label"

CellKind = Literal["right", "wrong", "mixed", "empty"]


@dataclass(frozen=True, slots=True)
class Cell:
    """So many answers; ``tint`` from 0 to ``TINTS`` by their share of the row."""

    count: int
    kind: CellKind
    tint: int
    hint: str


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """The answers to the samples of one label."""

    label: str
    total: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """One model's table. The last column counts answers without a label."""

    model: str
    columns: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    turned: bool


@dataclass(frozen=True, slots=True)
class Mistake:
    """How often one label was answered where another was right; ``said`` None is no label."""

    ideal: str
    said: str | None
    count: int
    total: int

    @property
    def text(self) -> str:
        """'billing answered as returns (12 of 31, 39%)'."""
        share = wording.percent(self.count / self.total)
        what = "without a label" if self.said is None else f"as {_short(self.said)}"
        return f"{_short(self.ideal)} answered {what} ({self.count:,} of {self.total:,}, {share})"


def matrix(found: Confusion) -> Matrix:
    """The table of one model; of many labels the most frequent have rows of their own."""
    kept = _kept(found)
    folded = [place for place in range(len(found.labels)) if place not in kept]
    groups = [[place] for place in kept] + ([folded] if folded else [])
    names = [*(_short(found.labels[place]) for place in kept), *([OTHERS] if folded else [])]
    rows = tuple(_row(found, name, names, groups, at) for at, name in enumerate(names))
    columns = (*names, NO_LABEL)
    headings = tuple(wording.clipped(name, HEADING_LIMIT) for name in columns)
    turned = len(columns) > TURNED_FROM or max(map(len, headings[:-1])) > TURNED_FROM
    return Matrix(found.model, headings, rows, turned)


def _kept(found: Confusion) -> list[int]:
    """The places of labels with a row of their own, in the labels' order."""
    if len(found.labels) <= MOST_SHOWN:
        return list(range(len(found.labels)))
    columns = [sum(row[at] for row in found.counts) for at in range(len(found.labels))]
    weight = [
        sum(found.counts[at]) + found.no_label[at] + columns[at] for at in range(len(columns))
    ]
    most = sorted(range(len(weight)), key=lambda at: -weight[at])[:MOST_SHOWN]
    return sorted(most)


def _row(
    found: Confusion, name: str, names: Sequence[str], groups: Sequence[Sequence[int]], at: int
) -> MatrixRow:
    ideals = groups[at]
    counts = [sum(found.counts[i][j] for i in ideals for j in said) for said in groups]
    nothing = sum(found.no_label[i] for i in ideals)
    total = sum(counts) + nothing
    right = sum(found.counts[i][i] for i in ideals)
    cells = [
        _cell(count, total, f"{name} answered as {names[column]}", "wrong")
        for column, count in enumerate(counts)
    ]
    own = f"{name} answered as {name}" if len(ideals) == 1 else f"{name}: {right:,} right, others"
    cells[at] = _cell(counts[at], total, own, "right" if len(ideals) == 1 else "mixed")
    return MatrixRow(
        name, total, (*cells, _cell(nothing, total, f"{name} answered without a label", "wrong"))
    )


def _cell(count: int, total: int, what: str, kind: CellKind) -> Cell:
    if not count:
        return Cell(0, "right" if kind == "right" else "empty", 0, "")
    share = count / total
    hint = f"{what}: {count:,} of {total:,} ({wording.percent(share)})"
    return Cell(count, kind, max(1, round(TINTS * share)), hint)


# --- in words ------------------------------------------------------------------------


def mistakes(found: Confusion) -> list[Mistake]:
    """Every pair of a right label and another answer, the most frequent first."""
    return sorted(_mistakes(found), key=lambda one: -one.count)


def _mistakes(found: Confusion) -> Iterator[Mistake]:
    for at, row in enumerate(found.counts):
        total = sum(row) + found.no_label[at]
        for said, count in enumerate(row):
            if count and said != at:
                yield Mistake(found.labels[at], found.labels[said], count, total)


def nameless(found: Confusion) -> int:
    """How many answers name none of the labels."""
    return sum(found.no_label)


def answered(found: Confusion) -> int:
    """How many answers there are in all."""
    return sum(map(sum, found.counts)) + nameless(found)


def sentence(found: Confusion) -> str:
    """'Most often confused: billing answered as returns (12 of 31, 39%). No label: 5 of 150.'"""
    named = [one.text for one in mistakes(found)[:MOST_NAMED]]
    parts = [f"Most often confused: {'; '.join(named)}." if named else "No label is confused."]
    if nothing := nameless(found):
        share = wording.percent(nothing / answered(found))
        told = f"Without a label: {nothing:,} of {answered(found):,} answers ({share})"
        if found.unaccepted:
            told += f", {found.unaccepted:,} of them the right one in a form that is marked wrong"
        parts.append(f"{told}.")
    return " ".join(parts)


def _short(label: str) -> str:
    return wording.clipped(label, NAME_LIMIT)
