"""A small soak: the command line, killed under faults and resumed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.soak import CONCURRENCY, soak


def test_nothing_is_lost_or_graded_twice_when_runs_are_killed_under_faults() -> None:
    found = soak(kills=5, samples=500, latency_ms=10, seed=7)
    assert found["prompts"] == found["samples"] == 500
    assert int(str(found["again"])) <= 5 * CONCURRENCY


def test_a_soak_that_finds_a_fault_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.soak.report", lambda run, out: out)
    with pytest.raises(SystemExit, match="the reports differ"):
        soak(kills=1, samples=40, latency_ms=1, seed=7)
