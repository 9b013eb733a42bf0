"""A lint: training answers in capitals."""

from __future__ import annotations

from harness.linting.examples import Example
from harness.linting.verdicts import Limits, Lint


def shouts(example: Example) -> str | None:
    """What is wrong with one example, or None."""
    answer = example.answer
    return answer if len(answer) > 10 and answer.isupper() else None


SHOUTING = Lint(
    "shouting",
    "content",
    "answers that are written in capitals throughout",
    Limits(info=0.0, warn=0.05),
    "write them as the model should",
    says="are in capitals throughout",
    look=shouts,
)
