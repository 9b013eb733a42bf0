"""The lints of a task's data, as `harness lint` finds them: the one place where they come in."""

from __future__ import annotations

import tempfile
from pathlib import Path

import orjson

from benchmarks.advice.tasks import Task
from harness.linting import LintOptions, lint
from harness.records import Finding


def lint_findings(task: Task) -> tuple[Finding, ...]:
    """What the lints say of the training file with its held-out samples.

    The base model's own marks are not given: a base model that does not know a task's form yet is
    never right, and the lint of unknown facts cannot tell that from a fact that it does not know.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.jsonl"
        lines = (orjson.dumps({"messages": example.messages}) for example in task.train)
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        options = LintOptions(wanted_refusals=task.wanted_refusals)
        return lint(path, task.heldout, task.spec.task, options).findings
