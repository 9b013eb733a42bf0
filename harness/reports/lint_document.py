"""What a look at training data says, before any renderer words, rounds or colours it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.records import Finding, Severity, Task

LintOutcome = Literal["pass", "blocked", "unjudged"]
"""Nothing blocks; something does; or the data could not be judged at all."""

CheckStatus = Literal["passed", "found", "skipped"]


@dataclass(frozen=True, slots=True)
class LintCheck:
    """One lint that ran, or did not: ``said`` is what it measured, or why it was skipped."""

    rule: str
    status: CheckStatus
    said: str
    method: str
    threshold: str
    repair: str
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class TokenCount:
    """The tokens of one epoch, and of the longest example; ``exact`` or an estimate."""

    total: int
    longest: int
    longest_line: int
    exact: bool
    method: str


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """What tuning one model on the file costs; None where its price is not known."""

    model: str
    cost_usd: float | None
    as_of: str


@dataclass(frozen=True, slots=True)
class LintReport:
    """Everything about one training file.

    ``findings`` come first to last by severity; the evidence of each holds ``lines`` (all of
    them), ``count``, ``value`` and ``examples``. ``checks`` names every lint of the table, also
    those that passed and those that were skipped. ``reason`` says why nothing could be judged.
    """

    path: str
    heldout: str | None
    outcome: LintOutcome
    format: str = ""
    task: Task | None = None
    task_guessed: bool = True
    examples: int = 0
    heldout_examples: int = 0
    findings: tuple[Finding, ...] = ()
    checks: tuple[LintCheck, ...] = ()
    tokens: TokenCount | None = None
    epochs: int = 0
    default_epochs: int = 0
    costs: tuple[TrainingCost, ...] = ()
    reason: str = ""

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """The findings for which the data should not be trained on as they are."""
        return tuple(finding for finding in self.findings if finding.severity == "block")
