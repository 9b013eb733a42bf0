"""A run folder made by hand: so many samples, answered by a base and a tuned model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from harness import __version__
from harness.datasets import file_hash
from harness.pipeline.folder import manifest as manifests
from harness.pipeline.folder.manifest import Manifest, Plan
from harness.pipeline.folder.runfolder import RunFolder
from harness.records import Completion, EvalSpec, Experiment, Failure, Outcome, Score, Study
from harness.running.journal import Journal

EVAL = "colours.test.v1"
BASE, TUNED = "tiny-base", "tuned"
Mark = Callable[[int], float | None]


def question(number: int) -> str:
    return f"colour {number}?"


def answer(model: str, number: int) -> str:
    return f"{model} says {number}"


def base_mark(number: int) -> float | None:
    """Right for every fourth sample."""
    return float(number % 4 == 0)


def tuned_mark(number: int) -> float | None:
    """Wrong for every third sample; the last digit 7 failed."""
    return None if number % 10 == 7 else float(number % 3 != 0)


def made_run(
    path: Path,
    samples: int = 40,
    *,
    grader: str = "match",
    marks: tuple[Mark, Mark] = (base_mark, tuned_mark),
    lines: list[dict[str, object]] | None = None,
) -> RunFolder:
    """Write samples beside ``path`` and a finished run into it."""
    data = path.parent / f"{path.name}-samples.jsonl"
    rows = lines or [
        {"input": [{"role": "user", "content": question(n)}], "ideal": f"red {n}"}
        for n in range(samples)
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = EvalSpec(EVAL, grader, data)
    study = Study("run", BASE, (Experiment("colours", (EVAL,), others=(TUNED,)),))
    plan = Plan(study, (spec,), files={str(data): file_hash(data)})
    folder = RunFolder(path)
    manifests.write(Manifest(plan, "harness run", __version__), folder.manifest)
    with Journal.open(folder.journal, plan.hash) as journal:
        for model, mark in zip((BASE, TUNED), marks, strict=True):
            for number in range(len(rows)):
                journal.append(outcome(model, number, mark(number)))
    return folder


def outcome(model: str, number: int, mark: float | None, text: str | None = None) -> Outcome:
    """One answer; without a mark it failed."""
    place = (EVAL, model, f"colours.test.{number}", 0, f"{model}{number}")
    if mark is None:
        return Outcome(*place, failure=Failure("timeout", "too slow"))
    said = Completion(answer(model, number) if text is None else text)
    return Outcome(*place, said, {"accuracy": Score(mark)})
