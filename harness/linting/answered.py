"""Lints that need a model's own answers, and say so where there are none."""

from __future__ import annotations

from harness.linting.counting import share_of
from harness.linting.question import Question
from harness.linting.verdicts import Measured, Skipped

FEWEST_ANSWERS = 2


def unknown_facts(question: Question) -> Measured | Skipped:
    """Training prompts that the base model never answers right, over several answers each."""
    marks = {
        line: values
        for line, values in question.base_marks.items()
        if len(values) >= FEWEST_ANSWERS
    }
    if not marks:
        return Skipped(
            "needs the base model's own answers to the training prompts, two or more each"
        )
    lines = [line for line, values in marks.items() if not any(values)]
    return share_of(lines, len(marks), "are never answered right by the base model")


def remaining_failures(question: Question) -> Measured | Skipped:
    """Held-out errors that have no training example near them."""
    return Skipped("needs a tuned model's answers to the held-out prompts: run a study")
