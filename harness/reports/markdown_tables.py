"""Long tables in Markdown: the first rows to see, the others behind a click, the rest counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.reports.escaping import prose, table

ROWS_SEEN = 30
"""Rows that stand open; more of them are scrolled past anyway."""

Rows = Sequence[Sequence[str]]


def folded(summary: str, body: str) -> str:
    """Markdown that opens on a click."""
    return f"<details>\n<summary>{prose(summary)}</summary>\n\n{body}\n\n</details>"


def long_table(
    header: Sequence[str],
    rows: Rows,
    room: int,
    left_out: str = "{} more rows are in the full report.",
    seen: int = ROWS_SEEN,
) -> Iterator[str]:
    """A table of at most so many characters; ``left_out`` says how many rows it lacks."""
    kept = _fitting(rows, room)
    opened = kept if kept <= seen + seen // 2 else seen
    yield table(header, rows[:opened])
    if kept > opened:
        yield folded(f"{kept - opened:,} more", table(header, rows[opened:kept]))
    if len(rows) > kept:
        yield left_out.format(f"{len(rows) - kept:,}")


def _fitting(rows: Rows, room: int) -> int:
    """How many of the first rows fit; at least one."""
    taken = 0
    for number, row in enumerate(rows):
        taken += sum(len(cell) + 3 for cell in row) + 2
        if taken > room and number:
            return number
    return len(rows)
