"""How lints put what they counted: so many of so many, which lines, what stands there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from harness.linting.secrets import masked
from harness.linting.verdicts import EXAMPLES_SHOWN, Hit, Measured
from harness.records import Severity
from harness.reports.wording import counted, percent, shortened

MOST_SHOWN = 160


def shown(text: str) -> str:
    """A piece of data as a report may show it: one line, short, keys in it as stars."""
    return shortened(" ".join(masked(text).split()), MOST_SHOWN)


def share_of(
    lines: Sequence[int],
    n: int,
    says: str,
    examples: Iterable[tuple[int, str]] = (),
    most: Severity | None = "block",
    noun: str = "example",
) -> Measured:
    """The measurement "12 of 100 examples (12%) ..."; lines count once each."""
    different = sorted(set(lines))
    value = len(different) / n if n else 0.0
    said = f"{so_many(len(different), n, noun)} {says}"
    return Measured(value, said, different, hits(examples), most)


def so_many(found: int, n: int, noun: str) -> str:
    """How many of how many: "12 of 100 examples (12%)", "none of 100 examples"."""
    if not found:
        return f"none of {counted(n, noun)}"
    return f"{found:,} of {counted(n, noun)} ({percent(found / n)})"


def hits(examples: Iterable[tuple[int, str]]) -> tuple[Hit, ...]:
    """The first few examples, fit to be shown."""
    found = []
    for line, text in examples:
        found.append(Hit(line, shown(text)))
        if len(found) == EXAMPLES_SHOWN:
            break
    return tuple(found)


def first_of(numbers: Sequence[int]) -> dict[int, int]:
    """The index at which each number stands first."""
    first: dict[int, int] = {}
    for index, number in enumerate(numbers):
        first.setdefault(number, index)
    return first


def lines_where(lines: Sequence[int], holds: Callable[[int], bool]) -> list[int]:
    """The lines whose index has a property."""
    return [line for index, line in enumerate(lines) if holds(index)]
