"""Indexes that nobody needs any more are removed when the viewer starts."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from pathlib import Path

import pytest

from harness.viewer.index_cache import DAY_S, NOTE, PARTS
from harness.viewer.journal_index import Indexes
from harness.viewer.runs import Runs
from tests.small_run import made_run

LONG_AGO = time.time() - 91 * DAY_S
LATELY = time.time() - 89 * DAY_S


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with the index of one run, which was whole before."""
    (tmp_path / "runs").mkdir()
    made_run(tmp_path / "runs" / "run")
    indexes = Indexes(tmp_path / "cache")
    (run,) = Runs(tmp_path / "runs").all()
    index = indexes.of(run)
    while index.progress().is_under_way:
        time.sleep(0.01)
    indexes.stop()
    return tmp_path / "cache"


def left(cache: Path) -> list[Path]:
    """What is there after the next start."""
    Indexes(cache)
    return list(cache.iterdir())


def used(cache: Path, moment: float, suffix: str = NOTE) -> None:
    (file,) = cache.glob(f"*{suffix}")
    os.utime(file, (moment, moment))


def test_an_index_in_use_stays_whatever_its_age(cache: Path) -> None:
    used(cache, LONG_AGO, ".sqlite")
    assert {file.suffix for file in left(cache)} >= {".sqlite", NOTE}


def test_one_that_was_not_used_for_90_days_goes(cache: Path) -> None:
    used(cache, LATELY)
    assert left(cache)
    used(cache, LONG_AGO)
    assert left(cache) == []


def test_one_whose_journal_is_gone_goes(cache: Path) -> None:
    shutil.rmtree(cache.parent / "runs" / "run")
    assert left(cache) == []


def test_one_without_a_note_goes_by_its_own_age(cache: Path) -> None:
    next(cache.glob(f"*{NOTE}")).unlink()
    assert left(cache)
    used(cache, LONG_AGO, ".sqlite")
    assert left(cache) == []


def test_one_that_is_written_stays(cache: Path) -> None:
    used(cache, LONG_AGO)
    with next(cache.glob("*.sqlite")).with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert left(cache)
    assert left(cache) == []


def test_files_of_others_stay(cache: Path) -> None:
    other = cache / "notes.sqlite"
    other.touch()
    os.utime(other, (LONG_AGO, LONG_AGO))
    used(cache, LONG_AGO)
    assert left(cache) == [other]


def test_a_look_at_it_is_a_use(cache: Path) -> None:
    indexes = Indexes(cache)
    used(cache, LONG_AGO)
    (run,) = Runs(cache.parent / "runs").all()
    indexes.of(run)
    found = left(cache)
    assert found
    assert {file.suffix for file in found} <= set(PARTS)
