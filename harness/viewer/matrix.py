"""Samples by models: what each model of a run made of each sample, at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.viewer.journal_index import (
    MOST_ROWS,
    Answer,
    JournalIndex,
    Row,
    TrackSummary,
    Verdict,
)
from harness.viewer.sample_views import answer_text, asked_of, ideal_of, shown

MOST_MODELS = 12
IN_A_CELL = 120
"""Characters of an answer; the sample's own page shows more."""

IN_A_HEAD = 200
"""Characters of a prompt and of an ideal answer."""


@dataclass(frozen=True, slots=True)
class Column:
    """One model: its mean mark, and after how many epochs it is, where that is known."""

    model: str
    mean: float | None
    epochs: float | None
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """One model's answer to a sample, cut short; ``failure`` where there is none."""

    model: str
    verdict: Verdict
    text: str
    failure: str


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One sample with a cell for each model; None where it was not asked."""

    row: Row
    prompt: str
    ideal: str
    cells: tuple[Cell | None, ...]


def columns_of(
    tracks: Sequence[TrackSummary], epochs: Mapping[str, float], chosen: Sequence[str]
) -> list[Column]:
    """As many models as a page holds: the ``chosen`` ones for certain, in the run's order.

    Of very large runs fewer, so that the columns of all fit into memory.
    """
    largest = max((track.answers for track in tracks), default=1)
    most = max(2, min(MOST_MODELS, MOST_ROWS // max(1, largest) - 1))
    first = sorted(tracks, key=lambda track: track.model not in chosen)[:most]
    return [
        Column(track.model, track.mean, epochs.get(track.model), track.model in chosen)
        for track in tracks
        if track in first
    ]


def matrix(
    index: JournalIndex, eval: str, columns: Sequence[Column], rows: Sequence[Row]
) -> tuple[list[MatrixRow], str]:
    """The rows of a page; and why there are no prompts, where that is so."""
    ids = [row.sample_id for row in rows]
    samples, fault = index.samples(eval, ids)
    answers = index.answers(eval, [column.model for column in columns], ids)
    found = []
    for row in rows:
        sample = samples.get(row.sample_id)
        cells = (_cell(answers.get((column.model, row.sample_id))) for column in columns)
        found.append(
            MatrixRow(
                row,
                shown(asked_of(sample), IN_A_HEAD),
                shown(ideal_of(sample), IN_A_HEAD),
                tuple(cells),
            )
        )
    return found, fault


def _cell(answer: Answer | None) -> Cell | None:
    if answer is None:
        return None
    verdict, outcome = answer
    failure = outcome.failure.kind if outcome.failure else ""
    text = answer_text(outcome.completion) if outcome.completion else ""
    return Cell(verdict.model, verdict, shown(text, IN_A_CELL), shown(failure, IN_A_CELL))
