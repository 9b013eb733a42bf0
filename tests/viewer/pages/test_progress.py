"""Progress of a run under way, as its journal grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.running.journal import Journal
from harness.viewer.pages.progress import duration
from tests.small_run import BASE, TUNED, made_run, outcome


def test_progress_follows_the_journal_and_ends_with_the_lock(viewer, tmp_path: Path) -> None:
    folder = made_run(tmp_path / "run", 20)
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    folder.journal.write_bytes(lines[0])
    client = viewer(tmp_path)
    with Journal.open(folder.journal, folder.read().hash, resume=True) as journal:
        html = client.get("/runs/run/progress").text
        assert "Nothing was answered yet" in html
        assert "<noscript><meta http-equiv" in html
        for number in range(10):
            journal.append(outcome(BASE, number, None if number == 9 else float(number < 3)))
        html = client.get("/runs/run/progress").text
        assert "10 <small>of 40" in html
        assert "25%" in html
        assert "33%" in html  # the mean of nine marks, three of them right
        assert "timeout" in html
        assert TUNED in html
        assert f"base model {BASE}</bdi>" in html
        assert "data-refresh" in html
    html = client.get("/runs/run/progress").text
    assert "data-refresh" not in html
    assert "http-equiv" not in html
    assert "state-interrupted" in html


def test_a_run_whose_plan_is_lost_still_says_what_came(viewer, tmp_path: Path) -> None:
    folder = made_run(tmp_path / "run", 20)
    folder.manifest.write_text("nonsense")
    html = viewer(tmp_path).get("/runs/run/progress").text
    assert ">40<" in html.replace(" ", "").replace("\n", "")
    assert "not priced" in html.lower()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0.4, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_times_left_in_words(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words
