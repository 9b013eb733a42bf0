"""What graders of hosted Evals share: raw numbers, thresholds, and names that are not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.graders.templates import Missing
from harness.records import Completion, Score
from harness.registry.fields import Fields

HOSTED_TYPES = ("string_check", "text_similarity", "score_model", "label_model", "multi", "python")
"""The graders of hosted Evals; the service's names for them are ours too."""

GRADE = "grade"
SIMILARITY = "similarity"
RAW = (GRADE, SIMILARITY)
"""Details that hold a grader's number before its threshold made a verdict of it."""

KEPT_ELSEWHERE = ("name", "type")
"""What a hosted grader says of itself; its options are the rest."""


def threshold_mark(
    number: float,
    threshold: float | None,
    *,
    detail: str = GRADE,
    judged: tuple[Completion, ...] = (),
) -> Score:
    """The number itself, or with a threshold whether it is reached; always in the details."""
    value = number if threshold is None else float(number >= threshold)
    return Score(value, details={detail: number}, judged=judged)


def unfilled_mark(error: Missing, detail: str | None = None) -> Score:
    """The mark where a template found nothing.

    What the item lacks is a fault of the data: no mark. What the answer should have held, such
    as a field of its JSON, is a wrong answer.
    """
    if not error.by_the_model:
        return Score(None, reason=str(error))
    return Score(0.0, reason=str(error), details={} if detail is None else {detail: 0.0})


def raw_number(score: Score) -> float | None:
    """A grader's number before its threshold."""
    known = (score.details[name] for name in RAW if name in score.details)
    return next(known, score.value)


def option_fields(args: Mapping[str, Any], place: str) -> Fields:
    """A hosted grader's options, to be taken one by one."""
    return Fields({k: v for k, v in args.items() if k not in KEPT_ELSEWHERE}, place)


def template_text(fields: Fields, key: str, default: str) -> str:
    """A template as it stands: it may be empty, and a number is its own text."""
    value = fields.take(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise fields.wrong(key, "text, perhaps with {{item.NAME}} in it", value)
    return str(value)


def threshold_of(fields: Fields) -> float | None:
    """The option ``pass_threshold``."""
    return fields.number("pass_threshold", low=float("-inf"))
