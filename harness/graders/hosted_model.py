"""Hosted Evals' graders that ask a model: score_model and label_model.

The run's judge is asked, whatever model the hosted grader named: models come and go. The judge
is held to the JSON that the hosted service asks for, ``{"steps": [...], "result": ...}``; a plain
number or label is read too. What cannot be read is no mark (the service scored it 0).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from harness.errors import RegistryError, RequestRejected, UsageError
from harness.graders.base import Judge
from harness.graders.hosted import (
    option_fields,
    threshold_mark,
    threshold_of,
    unfilled_mark,
)
from harness.graders.structured import NotJson, parsed
from harness.graders.templates import Missing, Scope, Template, render_all
from harness.records import Completion, Messages, Sample, Sampling, Score
from harness.registry.fields import Fields

ROLES = ("system", "developer", "user", "assistant")
TEXT_PARTS = ("text", "input_text", "output_text")
NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?")
FENCE = re.compile(r"\A```(?:json)?\s*(.*?)\s*```\Z", re.DOTALL)
RESULT_KEYS = ("result", "score", "label")

Prompt = tuple[tuple[str, str], ...]
"""The judge's messages: roles and templates."""

Params = tuple[tuple[str, float | str], ...]
TOKENS = ("max_completions_tokens", "max_completion_tokens", "max_tokens")
NUMBERS = {"temperature": (0.0, 2.0), "top_p": (0.0, 1.0)}


@dataclass(frozen=True)
class ScoreModel:
    """A judge gives a number, cut to ``range``; ``grade`` in the details holds it.

    With ``pass_threshold`` the value says whether it is reached. ``model`` is the judge that
    the hosted service asked. ``structured`` sends the JSON schema of the answer along.
    """

    input: Prompt
    range: tuple[float, float] = (0.0, 1.0)
    pass_threshold: float | None = None
    sampling_params: Params = ()
    model: str | None = None
    structured: bool = True
    judge: Judge | None = None
    needs_ideal: ClassVar[bool] = False

    @classmethod
    def read_options(cls, args: Mapping[str, Any], place: str) -> dict[str, Any]:
        """The fields from a registry's options, checked."""
        fields = option_fields(args, place)
        options = {
            **_asking(fields),
            "range": _range(fields),
            "pass_threshold": threshold_of(fields),
        }
        fields.refuse_rest()
        return options

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """The judge's number, or 1 where it reaches the threshold.

        Raises:
            ProviderError: the judge did not answer.
        """
        wanted = {"type": "number"}
        try:
            question = _question(self.input, Scope.of(sample, completion))
        except Missing as error:
            return self._unreadable(error)
        sampling = _sampling(self.sampling_params, wanted if self.structured else None)
        answer = await _judgement(self.judge, question, sampling, sample.id)
        number = read_number(answer.text)
        if number is None:
            return Score(None, reason="the judge gave no number", judged=(answer,))
        low, high = self.range
        cut = min(max(number, low), high)
        return threshold_mark(cut, self.pass_threshold, judged=(answer,))

    def _unreadable(self, error: Missing) -> Score:
        """An answer that lacks what the judge was to see gets the lowest number there is."""
        if not error.by_the_model:
            return unfilled_mark(error)
        lowest = threshold_mark(self.range[0], self.pass_threshold)
        return replace(lowest, reason=str(error))


@dataclass(frozen=True)
class LabelModel:
    """A judge picks one of ``labels``; the answer passes if it is one of ``passing_labels``."""

    input: Prompt
    labels: tuple[str, ...]
    passing_labels: tuple[str, ...]
    sampling_params: Params = ()
    model: str | None = None
    structured: bool = True
    judge: Judge | None = None
    needs_ideal: ClassVar[bool] = False

    def __post_init__(self) -> None:
        stray = [label for label in self.passing_labels if label not in self.labels]
        if stray or not self.labels:
            fault = f"{stray[0]!r} is none of the labels" if stray else "there are no labels"
            raise RegistryError(f"passing_labels: {fault}; list it under labels too")

    @classmethod
    def read_options(cls, args: Mapping[str, Any], place: str) -> dict[str, Any]:
        """The fields from a registry's options, checked."""
        fields = option_fields(args, place)
        options = {
            **_asking(fields),
            "labels": fields.texts("labels"),
            "passing_labels": fields.texts("passing_labels"),
        }
        fields.refuse_rest()
        return options

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """1 when the judge picks a passing label, which the label then is.

        Raises:
            ProviderError: the judge did not answer.
        """
        try:
            question = _question(self.input, Scope.of(sample, completion))
        except Missing as error:
            return unfilled_mark(error)
        wanted = {"type": "string", "enum": list(self.labels)}
        sampling = _sampling(self.sampling_params, wanted if self.structured else None)
        answer = await _judgement(self.judge, question, sampling, sample.id)
        label = read_label(answer.text, self.labels)
        if label is None:
            return Score(None, reason="the judge gave none of the labels", judged=(answer,))
        return Score(float(label in self.passing_labels), label, judged=(answer,))


# --- reading a judge's answer --------------------------------------------------------


def read_number(text: str) -> float | None:
    """The finite number that an answer consists of, or that its JSON holds."""
    result = _result(text)
    if isinstance(result, str):
        bare = result.strip()
        result = float(bare) if NUMBER.fullmatch(bare) else None
    if isinstance(result, bool) or not isinstance(result, int | float):
        return None
    try:
        number = float(result)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def read_label(text: str, labels: Sequence[str]) -> str | None:
    """The label that an answer consists of, or that its JSON holds; upper case may differ."""
    result = _result(text)
    bare = result.strip().strip("\"'`").strip() if isinstance(result, str) else None
    if bare is None or bare in labels:
        return bare
    near = [label for label in labels if label.casefold() == bare.casefold()]
    return near[0] if len(near) == 1 else None


def _result(text: str) -> Any:
    """What an answer's JSON object names its result; the text itself where it is none."""
    bare = text.strip()
    fenced = FENCE.match(bare)
    bare = fenced[1] if fenced else bare
    if not bare.startswith("{"):
        return bare
    try:
        value = parsed(bare)
    except NotJson:
        return None
    return next((value[key] for key in RESULT_KEYS if key in value), None)


# --- asking --------------------------------------------------------------------------


async def _judgement(
    judge: Judge | None, question: Messages, sampling: Sampling, sample_id: str
) -> Completion:
    if judge is None:
        raise UsageError("this eval is marked by a model; name one with --judge")
    try:
        return await judge.answer(question, sampling, sample_id)
    except RequestRejected as error:
        if "response_format" not in sampling.extra:
            raise
        raise RequestRejected(
            f"{error}; if the judge knows no JSON schemas, add 'structured: false' to the eval"
        ) from error


def _question(prompt: Prompt, scope: Scope) -> Messages:
    texts = render_all((text for _, text in prompt), scope)
    pairs = zip(prompt, texts, strict=True)
    return tuple({"role": role, "content": text} for (role, _), text in pairs)


def _sampling(params: Params, wanted: Mapping[str, Any] | None) -> Sampling:
    known = dict(params)
    extra = {name: known.pop(name) for name in ("reasoning_effort",) if name in known}
    shape = {"response_format": _response_format(wanted)} if wanted is not None else {}
    return Sampling(**known, extra={**extra, **shape})  # type: ignore[arg-type] # checked names


def _response_format(result: Mapping[str, Any]) -> dict[str, Any]:
    """The answer's JSON schema: room to reason in steps, then the result."""
    step = _object({"description": {"type": "string"}, "conclusion": {"type": "string"}})
    schema = _object({"steps": {"type": "array", "items": step}, "result": result})
    return {
        "type": "json_schema",
        "json_schema": {"name": "grade", "strict": True, "schema": schema},
    }


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


# --- options -------------------------------------------------------------------------


def _asking(fields: Fields) -> dict[str, Any]:
    """The options that both graders have: what to ask, and how."""
    structured = fields.take("structured")
    if structured is not None and not isinstance(structured, bool):
        raise fields.wrong("structured", "true or false", structured)
    return {
        "input": _prompt(fields),
        "sampling_params": _params(fields.inside("sampling_params")),
        "model": fields.text("model"),
        "structured": structured is not False,
    }


def _prompt(fields: Fields) -> Prompt:
    messages = fields.take("input")
    if not isinstance(messages, list) or not messages:
        raise fields.wrong("input", "a list of messages with role and content", messages)
    return tuple(_message(message, fields) for message in messages)


def _message(message: Any, fields: Fields) -> tuple[str, str]:
    role = message.get("role") if isinstance(message, Mapping) else None
    if role not in ROLES:
        raise fields.wrong("input", f"messages with a role of {', '.join(ROLES)}", message)
    text = prompt_text(message.get("content"))
    if text is None:
        raise fields.wrong("input", "messages of text (no images, no audio)", message)
    try:
        Template.parse(text)
    except RegistryError as error:
        raise RegistryError(f"{fields.place}: input: {error}") from error
    return role, text


def prompt_text(content: Any) -> str | None:
    """The text of a hosted message's content: text, a part, or a list of these; else None."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        text = content.get("text")
        return text if content.get("type") in TEXT_PARTS and isinstance(text, str) else None
    if not isinstance(content, list):
        return None
    parts = [prompt_text(part) for part in content]
    texts = [part for part in parts if part is not None]
    return "".join(texts) if len(texts) == len(parts) else None


def _params(fields: Fields) -> Params:
    """Sampling parameters under our names; what the service writes as null is not there."""
    found: dict[str, float | str | None] = {
        name: fields.number(name, *bounds) for name, bounds in NUMBERS.items()
    }
    for name in TOKENS:
        found["max_tokens"] = fields.integer(name, least=1) or found.get("max_tokens")
    found["seed"] = fields.integer("seed", least=0)
    found["reasoning_effort"] = fields.text("reasoning_effort")
    fields.refuse_rest()
    return tuple((name, value) for name, value in found.items() if value is not None)


def _range(fields: Fields) -> tuple[float, float]:
    value = fields.take("range")
    if value is None:
        return 0.0, 1.0
    try:
        low, high = (float(json.dumps(bound)) for bound in value)
    except (TypeError, ValueError):
        low = high = math.nan
    if not low < high or not math.isfinite(high - low):
        raise fields.wrong("range", "two numbers, the lower one first", value)
    return low, high
