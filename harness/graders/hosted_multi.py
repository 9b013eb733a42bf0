"""Hosted Evals' grader that puts others together: multi."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

from harness.errors import RegistryError, did_you_mean
from harness.graders.base import Grader, Judge
from harness.graders.formula import Formula, NoNumber
from harness.graders.hosted import option_fields, raw_number
from harness.graders.hosted_model import LabelModel, ScoreModel
from harness.graders.hosted_python import PythonGrader
from harness.graders.hosted_text import StringCheck, TextSimilarity
from harness.records import Completion, Sample, Score

PARTS: Mapping[str, type[Grader]] = {
    "string_check": StringCheck,
    "text_similarity": TextSimilarity,
    "score_model": ScoreModel,
    "label_model": LabelModel,
    "python": PythonGrader,
}
"""What a multi grader may hold, by hosted type; another multi is none of it."""

PART = "grader:"
"""Opens the name of a detail: the number that one of the graders gave."""


@dataclass(frozen=True)
class Multi:
    """A formula over the numbers of several graders, each before its threshold.

    Details: ``grader:<name>``. One grader without a mark leaves none to the whole.
    """

    graders: tuple[tuple[str, Grader], ...]
    calculate_output: str
    judge: Judge | None = None
    allowed: bool = False
    needs_ideal: ClassVar[bool] = False

    def __post_init__(self) -> None:
        known = dict(self.graders)
        for name in sorted(Formula.parse(self.calculate_output).names):
            if name not in known:
                near = did_you_mean(name, known)
                raise RegistryError(f"calculate_output: no grader '{name}'{near}")

    @classmethod
    def read_options(cls, args: Mapping[str, Any], place: str) -> dict[str, Any]:
        """The fields from a registry's options, those of the nested graders too."""
        fields = option_fields(args, place)
        parts = nested_graders(fields.take("graders"))
        if not parts:
            raise RegistryError(f"{place}: 'graders' is missing; map names to graders")
        options = {
            "graders": tuple(
                (name, _part(raw, f"{place}: grader '{name}'")) for name, raw in parts.items()
            ),
            "calculate_output": fields.required_text("calculate_output"),
        }
        fields.refuse_rest()
        return options

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """The formula's value, in details what it was made of.

        Raises:
            ProviderError: a judge did not answer.
        """
        numbers: dict[str, float] = {}
        judged: tuple[Completion, ...] = ()
        for name, grader in self.graders:
            score = await self._equipped(grader).grade(sample, completion)
            judged += score.judged
            number = raw_number(score)
            if score.value is None or number is None:
                return Score(None, reason=f"grader '{name}': {score.reason}", judged=judged)
            numbers[name] = number
        details = {f"{PART}{name}": number for name, number in numbers.items()}
        try:
            value = Formula.parse(self.calculate_output).value(numbers)
        except NoNumber as error:
            return Score(None, reason=str(error), details=details, judged=judged)
        return Score(value, details=details, judged=judged)

    def _equipped(self, grader: Grader) -> Grader:
        """The grader with the judge, and the permission, that this one was given."""
        given: dict[str, Any] = {"judge": self.judge, "allowed": self.allowed}
        wanted = {name: value for name, value in given.items() if hasattr(grader, name)}
        return cast("Grader", replace(cast("Any", grader), **wanted)) if wanted else grader


def nested_graders(value: Any) -> dict[str, Mapping[str, Any]]:
    """The graders of a multi by name: of a mapping, a list of named ones, or a single one."""
    if isinstance(value, Mapping) and "type" in value and isinstance(value["type"], str):
        value = [value]
    if isinstance(value, list):
        value = {str(one.get("name")): one for one in value if isinstance(one, Mapping)}
    if not isinstance(value, Mapping):
        return {}
    return {str(name): one for name, one in value.items() if isinstance(one, Mapping)}


def _part(raw: Mapping[str, Any], place: str) -> Grader:
    type_name = raw.get("type")
    kind = PARTS.get(str(type_name))
    if kind is None:
        near = did_you_mean(str(type_name), PARTS)
        raise RegistryError(f"{place}: its type {type_name!r} cannot stand in a multi{near}")
    try:
        return kind(**cast("Any", kind).read_options(raw, place))
    except RegistryError as error:
        text = str(error)
        raise RegistryError(text if text.startswith(place) else f"{place}: {text}") from error
