"""What the lints say of a study's training data, as its report and its advice need it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from harness.errors import RunFolderError
from harness.linting import LintOptions, every_lint, lint
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.questions.evaluation import Question
from harness.records import Experiment, Finding, Sample, Study, Task

MOST_LINES = 20
"""A report names so many lines of a finding; ``harness lint`` names all."""

JUDGED_ELSEWHERE = ("leakage",)
"""Families that never block a study: the decision table looks at whether leaks move the score."""

SAID_ELSEWHERE = ("leaked answers",)
"""``pipeline.questions.leaks`` says it with what training lines name as their answers."""


def training_findings(
    training: Path,
    heldout: Iterable[Sample],
    task: Task,
    wanted_refusals: float | None = None,
) -> tuple[Finding, ...]:
    """Warnings and blocking findings about a training file, against one eval's samples.

    ``wanted_refusals`` is the share of refusals that is wanted, where it is known. A blocking one
    vetoes every change of epochs. Notes are left to ``harness lint``.
    """
    report = lint(training, heldout, task, LintOptions(wanted_refusals=wanted_refusals))
    return tuple(
        _told(finding)
        for finding in report.findings
        if finding.severity != "info" and finding.rule not in SAID_ELSEWHERE
    )


@dataclass(frozen=True, slots=True)
class Linted:
    """What was found in the training data of one experiment, held against one eval."""

    experiment: str
    eval: str
    findings: tuple[Finding, ...]

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """What should be mended before anything is paid for."""
        return tuple(finding for finding in self.findings if finding.severity == "block")


def lints_of(study: Study, questions: Mapping[str, Sequence[Question]]) -> list[Linted]:
    """Look the training data of a study over, against each eval that judges them.

    Evals that run themselves say at their end what they asked; general sets judge nothing learnt.
    """
    return [
        Linted(one.name, question.spec.name, _found(one, one.training_data, question))
        for one in study.experiments
        if one.training_data is not None
        for question in questions[one.name]
        if not question.runs_itself and question.spec.name not in one.forgetting
    ]


def _found(experiment: Experiment, training: Path, question: Question) -> tuple[Finding, ...]:
    wanted = experiment.wanted_refusals
    return training_findings(training, question.samples(), question.spec.task, wanted)


def keep(found: Iterable[Linted], folder: RunFolder) -> None:
    """Note what was found, so that a report made elsewhere, or later, says the same.

    A run that is taken up again keeps what it began with.
    """
    if folder.lints.exists():
        return
    lines = b"".join(orjson.dumps(asdict(one)) + b"\n" for one in found)
    try:
        folder.lints.write_bytes(lines)
    except OSError as error:
        raise RunFolderError(f"{folder.lints}: cannot be written ({error.strerror})") from error


def kept_in(folder: RunFolder) -> dict[tuple[str, str], tuple[Finding, ...]]:
    """What was found when the run began, by experiment and eval; empty where nobody noted it.

    Raises:
        RunFolderError: the file is broken.
    """
    if not folder.lints.exists():
        return {}
    try:
        rows = [orjson.loads(line) for line in folder.lints.read_bytes().splitlines()]
        return {
            (row["experiment"], row["eval"]): tuple(Finding(**one) for one in row["findings"])
            for row in rows
        }
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunFolderError(
            f"{folder.lints}: is broken; remove it, and the training data are looked over anew"
        ) from error


def _told(finding: Finding) -> Finding:
    """A finding as a study's report shows it."""
    families = {lint.rule: lint.family for lint in every_lint()}
    capped = families[finding.rule] in JUDGED_ELSEWHERE
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
