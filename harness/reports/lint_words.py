"""How a LintReport reads, in the terminal and on the page alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.records import Finding, Severity
from harness.reports.lint_document import LintCheck, LintReport, TrainingCost
from harness.reports.wording import counted, dollars, listed, sentence

SEVERITY_WORDS: Mapping[Severity, str] = {"block": "BLOCKS", "warn": "WARNING", "info": "NOTE"}
LINES_NAMED = 12
COSTS_NAMED = 4


def headline(report: LintReport) -> str:
    """The outcome in a few words."""
    if report.outcome == "unjudged":
        return "COULD NOT JUDGE"
    blocking = len(report.blocking)
    if blocking:
        return f"BLOCKED: {counted(blocking, 'finding')} to repair before training"
    ran = sum(check.status != "skipped" for check in report.checks)
    skipped = len(report.checks) - ran
    return f"PASS: nothing blocks; {counted(ran, 'check')} ran, {skipped} skipped"


def about(report: LintReport) -> list[str]:
    """What was looked at, how it was read, and what training on it takes."""
    if report.outcome == "unjudged":
        return [report.reason]
    heldout = ""
    if report.heldout_examples:
        heldout = f", held against {counted(report.heldout_examples, 'held-out sample')}"
    return [
        f"{counted(report.examples, 'example')}, {report.format}{heldout}",
        task_text(report),
        tokens_text(report),
        *([] if not report.costs else [costs_text(report)]),
    ]


def task_text(report: LintReport) -> str:
    """What kind of task the answers belong to, and who says so."""
    if report.task is None:
        return "task: not clear from the answers; say --task one-answer or --task open"
    guessed = " (guessed from the answers)" if report.task_guessed else ""
    return f"task: {report.task}{guessed}"


def tokens_text(report: LintReport) -> str:
    """Tokens an epoch, the longest example, and how they were counted."""
    tokens = report.tokens
    if tokens is None:
        return "tokens: not counted"
    about = "" if tokens.exact else "about "
    return (
        f"tokens: {about}{tokens.total:,} an epoch, at most {tokens.longest:,} an example"
        f" (line {tokens.longest_line:,}); {tokens.method}"
    )


def costs_text(report: LintReport) -> str:
    """What training costs, for each model that has a price."""
    how = "as the hosted API would by default, by estimate"
    epochs = counted(report.epochs, "epoch")
    if report.epochs != report.default_epochs:
        how = f"the default would be {report.default_epochs}, by estimate"
    costs = listed([cost_text(cost) for cost in report.costs[:COSTS_NAMED]])
    return f"cost of {epochs} ({how}): {costs}"


def cost_text(cost: TrainingCost) -> str:
    """One model and its cost, with the month of the price."""
    if cost.cost_usd is None:
        return f"{cost.model} has no price here (give --prices FILE)"
    of = f" (price of {cost.as_of})" if cost.as_of else ""
    return f"{cost.model} {dollars(cost.cost_usd)}{of}"


def lines_text(lines: Sequence[int]) -> str:
    """Line numbers as prose, the first of them where they are many."""
    if not lines:
        return ""
    shown = ", ".join(str(line) for line in lines[:LINES_NAMED])
    more = f" and {len(lines) - LINES_NAMED:,} more" if len(lines) > LINES_NAMED else ""
    return f"{'line' if len(lines) == 1 else 'lines'} {shown}{more}"


def finding_lines(finding: Finding) -> list[str]:
    """What stands below a finding: its lines, some examples, the repair."""
    evidence = finding.evidence
    found = [lines_text(evidence.get("lines", ()))]
    found += [
        f"{example['line']}: {example['text']}" if example["line"] else str(example["text"])
        for example in evidence.get("examples", ())
    ]
    return [line for line in (*found, f"-> {sentence(str(evidence.get('repair', '')))}") if line]


def with_status(report: LintReport, status: str) -> list[LintCheck]:
    """The checks of a report that ended in one way."""
    return [check for check in report.checks if check.status == status]


def skipped(report: LintReport) -> dict[str, list[str]]:
    """The checks that did not run, by the reason."""
    reasons: dict[str, list[str]] = {}
    for check in with_status(report, "skipped"):
        reasons.setdefault(check.said, []).append(check.rule)
    return reasons
