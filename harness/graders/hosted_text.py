"""Hosted Evals' graders that compare two texts: string_check and text_similarity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.errors import RegistryError, did_you_mean
from harness.graders.hosted import (
    SIMILARITY,
    option_fields,
    template_text,
    threshold_mark,
    threshold_of,
    unfilled_mark,
)
from harness.graders.similarity import METRICS
from harness.graders.templates import Missing, Scope, Template, render_all
from harness.records import Completion, Sample, Score

OUTPUT = "{{sample.output_text}}"
IDEAL = "{{item.ideal}}"

OPERATIONS: Mapping[str, Callable[[str, str], bool]] = {
    "eq": lambda text, reference: text == reference,
    "ne": lambda text, reference: text != reference,
    "neq": lambda text, reference: text != reference,
    "like": lambda text, reference: reference in text,
    "ilike": lambda text, reference: reference.casefold() in text.casefold(),
}
"""``like`` and ``ilike`` look for the reference anywhere; there are no wildcards."""


@dataclass(frozen=True)
class StringCheck:
    """A text equals, differs from or contains a reference; both are templates."""

    input: str = OUTPUT
    reference: str = IDEAL
    operation: str = "eq"
    needs_ideal: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _known("operation", self.operation, OPERATIONS)
        _check_templates(self.input, self.reference)

    @classmethod
    def read_options(cls, args: Mapping[str, Any], place: str) -> dict[str, Any]:
        """The fields from a registry's options, checked."""
        fields = option_fields(args, place)
        options = {
            "input": template_text(fields, "input", OUTPUT),
            "reference": template_text(fields, "reference", IDEAL),
            "operation": fields.text("operation") or "eq",
        }
        fields.refuse_rest()
        return options

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """1 when the operation holds."""
        try:
            text, reference = render_all((self.input, self.reference), Scope.of(sample, completion))
        except Missing as error:
            return unfilled_mark(error)
        return Score(float(OPERATIONS[self.operation](text, reference)))


@dataclass(frozen=True)
class TextSimilarity:
    """How alike a text and a reference are, by a metric of ``graders.similarity``.

    With ``pass_threshold`` the value says whether it is reached. ``similarity`` in the details
    is the number itself.
    """

    input: str = OUTPUT
    reference: str = IDEAL
    evaluation_metric: str = "fuzzy_match"
    pass_threshold: float | None = None
    needs_ideal: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _known("evaluation_metric", self.evaluation_metric, METRICS)
        _check_templates(self.input, self.reference)

    @classmethod
    def read_options(cls, args: Mapping[str, Any], place: str) -> dict[str, Any]:
        """The fields from a registry's options, checked."""
        fields = option_fields(args, place)
        options = {
            "input": template_text(fields, "input", OUTPUT),
            "reference": template_text(fields, "reference", IDEAL),
            "evaluation_metric": fields.text("evaluation_metric") or "fuzzy_match",
            "pass_threshold": threshold_of(fields),
        }
        fields.refuse_rest()
        return options

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """The similarity in [0, 1], or 1 where it reaches the threshold."""
        try:
            text, reference = render_all((self.input, self.reference), Scope.of(sample, completion))
        except Missing as error:
            return unfilled_mark(error, detail=SIMILARITY)
        number = METRICS[self.evaluation_metric](text, reference)
        return threshold_mark(number, self.pass_threshold, detail=SIMILARITY)


def _check_templates(*texts: str) -> None:
    for text in texts:
        Template.parse(text)


def _known(option: str, value: str, choices: Mapping[str, Any]) -> None:
    if value not in choices:
        near = did_you_mean(value, choices)
        raise RegistryError(f"{option}: {value!r} is not known{near}")
