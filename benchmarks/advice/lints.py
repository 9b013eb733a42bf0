"""The lints of a task's data, as a study looks its training data over: where they come in."""

from __future__ import annotations

import tempfile
from pathlib import Path

import orjson

from benchmarks.advice.tasks import Task
from harness.pipeline.questions.linting import training_findings
from harness.records import Finding


def lint_findings(task: Task) -> tuple[Finding, ...]:
    """What a study finds in the training file, beside its held-out samples.

    The lint of unknown facts is not among it, as it is not in a study: a base model that does not
    know a task's form is never right either.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.jsonl"
        lines = (orjson.dumps({"messages": example.messages}) for example in task.train)
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        return training_findings(path, task.heldout, task.spec.task)
