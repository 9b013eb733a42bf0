"""Where a journal's outcomes stand: what reports and logs read it by."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import RunFolderError
from harness.records import Completion, Outcome
from harness.running import journal as journals
from harness.running.journal import Contents, Journal


def said(sample: str, text: str, repeat: int = 0) -> Outcome:
    return Outcome("e", "m", sample, repeat, "k", Completion(text))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.jsonl"
    with Journal.open(path, "run") as journal:
        for outcome in (
            said("b", "b1", 1),
            said("a", "first"),
            said("b", "b0"),
            said("a", "again"),
        ):
            journal.append(outcome)
    return path


def texts(outcomes: object) -> list[str]:
    return [o.completion.text for o in outcomes]  # type: ignore[attr-defined]


def test_of_several_outcomes_the_last_counts_in_the_order_written(path: Path) -> None:
    assert texts(Contents.of(path).outcomes("e", "m")) == ["b1", "b0", "again"]


def test_first_repeats_come_first_where_answers_are_put_together(path: Path) -> None:
    placed = list(Contents.of(path).placed("e", "m"))
    assert texts(outcome for _, outcome in placed) == ["b0", "again", "b1"]


def test_an_outcome_is_read_again_at_its_place(path: Path) -> None:
    contents = Contents.of(path)
    for place, outcome in contents.placed("e", "m"):
        assert contents.outcome_at(place) == outcome
    assert list(contents.outcomes("e", "nobody")) == []


def test_lines_that_are_no_outcomes_are_named(path: Path) -> None:
    with path.open("a") as file:
        file.write('{"eval": "e", "model": "m", "sample_id": "c", "repeat": 0}\n')
    with pytest.raises(RunFolderError, match=r"journal.jsonl: the line at byte .* is no outcome"):
        list(Contents.of(path).outcomes("e", "m"))
    path.write_text('{"eval": "e"}\n')
    with pytest.raises(RunFolderError, match="is no journal"):
        Contents.of(path)


def test_the_disk_is_asked_to_keep_many_lines_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought: list[int] = []
    monkeypatch.setattr(os, "fsync", brought.append)
    with Journal.open(tmp_path / "journal.jsonl", "run") as journal:
        for number in range(100):
            journal.append(said(str(number), "x"))
        journal.sync()
        journal.sync()
    assert len(brought) == 2, "one for the header, one for all lines"
    assert journals.SYNC_EVERY_S <= 1, "what a power failure may cost, in seconds of answers"
