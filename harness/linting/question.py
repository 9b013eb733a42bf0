"""What all lints look at: the training data, the held-out data, and what the user says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.linting.columns import Columns
from harness.linting.source import Line
from harness.records import Task
from harness.reports.lint_document import TokenCount

LABEL_SHARE = 0.2
"""Answers are labels where at most this share of them is different ..."""

MOST_LABELS = 1000
FEWEST_TIMES = 2
JSON_SHARE = 0.8


@dataclass(slots=True)
class Question:
    """Training data ``train`` (and ``heldout``) with what lints have to know about them.

    ``wanted_refusals`` is the share of refusals wanted at inference; ``limit`` the most tokens
    that an example may have; ``base_marks`` what the base model scored on training prompts, by
    line, several answers each.
    """

    train: Columns
    heldout: Columns | None = None
    broken: Sequence[Line] = ()
    misshapen: Sequence[Line] = ()
    seen: int = 0
    task: Task | None = None
    task_guessed: bool = True
    wanted_refusals: float | None = None
    limit: int | None = None
    limit_of: str = ""
    tokens: TokenCount | None = None
    base_marks: Mapping[int, Sequence[float]] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """The number of examples that could be read."""
        return len(self.train)


def has_labels(columns: Columns) -> bool:
    """Are the answers few short texts that come again and again?"""
    n, different = len(columns), len(columns.answers)
    return (
        n >= FEWEST_TIMES * different
        and (different <= LABEL_SHARE * n or (different <= 20 and n >= 4 * different))
        and different <= MOST_LABELS
        and columns.short >= 0.95 * n
    )


def is_extraction(columns: Columns) -> bool:
    """Are the answers JSON objects?"""
    return len(columns) > 0 and columns.kinds.count(0) >= JSON_SHARE * len(columns)


def guessed_task(columns: Columns) -> Task | None:
    """One-answer where answers are labels or JSON; None where the data do not tell."""
    return "one-answer" if has_labels(columns) or is_extraction(columns) else None
