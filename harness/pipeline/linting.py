"""What the lints say of a study's training data, as its report and its advice need it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.linting import LINTS, lint
from harness.pipeline.evaluation import Question
from harness.records import Experiment, Finding, Sample, Task

MOST_LINES = 20
"""A report names so many lines of a finding; ``harness lint`` names all."""

JUDGED_ELSEWHERE = ("leakage",)
"""Families that never block a study: the decision table looks at whether leaks move the score."""

SAID_ELSEWHERE = ("leaked answers",)
"""``pipeline.leaks`` says it with what training lines name as their answers."""

FAMILIES = {rule.rule: rule.family for rule in LINTS}


def training_findings(training: Path, heldout: Iterable[Sample], task: Task) -> tuple[Finding, ...]:
    """Warnings and blocking findings about a training file, against one eval's samples.

    A blocking one vetoes every change of epochs. Notes are left to ``harness lint``.
    """
    report = lint(training, heldout, task)
    return tuple(
        _told(finding)
        for finding in report.findings
        if finding.severity != "info" and finding.rule not in SAID_ELSEWHERE
    )


def before_tuning(
    experiment: Experiment, questions: Sequence[Question]
) -> Iterator[tuple[str, Finding]]:
    """What blocks an experiment that is about to be paid for, with the eval it was held against."""
    if experiment.training_data is None or experiment.tuning is None or not questions:
        return
    spec = questions[0].spec
    found = training_findings(experiment.training_data, questions[0].samples(), spec.task)
    yield from ((spec.name, finding) for finding in found if finding.severity == "block")


def _told(finding: Finding) -> Finding:
    """A finding as a study's report shows it."""
    capped = FAMILIES[finding.rule] in JUDGED_ELSEWHERE
    return replace(
        finding,
        severity="warn" if capped else finding.severity,
        message=f"training data, {finding.rule}: {finding.message}",
        evidence=_short(finding.evidence),
    )


def _short(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Evidence whose lists are cut to what a reader looks at."""
    return {
        name: value[:MOST_LINES] if isinstance(value, list) else value
        for name, value in evidence.items()
    }
