"""Small evals with recorded answers, for tests of logs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.graders import make_grader
from harness.openai_evals.log_writer import LogHead, write_log
from harness.records import Completion, EvalSpec, Outcome, Sample, Score, Usage

BEGAN = datetime(2026, 11, 22, 22, 45, 6, 819511, tzinfo=UTC)


@dataclass(frozen=True)
class SmallRun:
    """An eval, its samples and what a model answered to them."""

    spec: EvalSpec
    samples: tuple[Sample, ...]
    outcomes: tuple[Outcome, ...]
    model: str = "tiny"
    judge: str | None = None

    def head(self, **changes: Any) -> LogHead:
        values: dict[str, Any] = {"command": "harness run", "created_at": BEGAN} | changes
        return LogHead(self.spec, self.model, judge=self.judge, **values)

    def write(self, path: Path) -> Mapping[str, Any]:
        return write_log(path, self.head(), self.samples, self.outcomes)


def small_run(grader: str, answers: Sequence[tuple[str, Sequence[str]]], **args: Any) -> SmallRun:
    """One sample for each (answer, ideals), marked by the grader."""
    spec = EvalSpec(f"small-{grader}.dev.v0", grader, Path("samples.jsonl"), args=args)
    samples = tuple(
        Sample(f"small-{grader}.dev.{i}", prompt(f"question {i}"), tuple(ideals))
        for i, (_, ideals) in enumerate(answers)
    )
    pairs = zip(samples, (text for text, _ in answers), strict=True)
    outcomes = tuple(answered(spec, sample, text) for sample, text in pairs)
    return SmallRun(spec, samples, outcomes)


def prompt(text: str) -> tuple[dict[str, str], ...]:
    return ({"role": "user", "content": text},)


def answered(spec: EvalSpec, sample: Sample, text: str, repeat: int = 0) -> Outcome:
    completion = Completion(text, usage=Usage(1, 1))
    score = asyncio.run(make_grader(spec).grade(sample, completion))
    return outcome(spec, sample.id, completion, score, repeat)


def outcome(
    spec: EvalSpec, sample_id: str, completion: Completion, score: Score, repeat: int = 0
) -> Outcome:
    return Outcome(spec.name, "tiny", sample_id, repeat, "k", completion, {"accuracy": score})


@pytest.fixture(scope="session")
def small() -> Any:
    """``small(grader, answers, **args)``: an eval with a recorded run."""
    return small_run


@pytest.fixture(scope="session")
def mark_one() -> Any:
    """``mark_one(spec, sample, text, repeat)``: the outcome of one answer."""
    return answered


@pytest.fixture
def matches() -> SmallRun:
    """Three answers, two of them right."""
    return small_run("match", [("Oslo.", ["Oslo"]), ("no", ["Rome"]), ("7", ["7", "seven"])])
