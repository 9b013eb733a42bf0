"""One journal line: an Outcome as JSON and back. Names are the nouns'; defaults are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from harness.records import Completion, Failure, Outcome, Score, Usage


def line_of(outcome: Outcome) -> bytes:
    """The outcome as one line, with its line break; a number that is none becomes null."""
    fields = _fields(outcome)
    try:
        return orjson.dumps(fields, default=_plain, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        return orjson.dumps(_mended(fields), option=orjson.OPT_APPEND_NEWLINE)


def _fields(outcome: Outcome) -> dict[str, Any]:
    """Written out by hand: orjson takes four times as long for dataclasses with slots."""
    fields: dict[str, Any] = {
        "eval": outcome.eval,
        "model": outcome.model,
        "sample_id": outcome.sample_id,
        "repeat": outcome.repeat,
        "request_key": outcome.request_key,
    }
    if outcome.completion is not None:
        fields["completion"] = _completion_fields(outcome.completion)
    if outcome.scores:
        fields["scores"] = {name: _score_fields(score) for name, score in outcome.scores.items()}
    if outcome.failure is not None:
        fields["failure"] = {"kind": outcome.failure.kind, "message": outcome.failure.message}
    return fields


def _completion_fields(completion: Completion) -> dict[str, Any]:
    fields: dict[str, Any] = {"text": completion.text, "latency_s": completion.latency_s}
    if completion.finish_reason is not None:
        fields["finish_reason"] = completion.finish_reason
    if completion.usage is not None:
        fields["usage"] = {
            "prompt_tokens": completion.usage.prompt_tokens,
            "completion_tokens": completion.usage.completion_tokens,
        }
    if completion.replayed:
        fields["replayed"] = True
    if completion.logprobs is not None:
        fields["logprobs"] = completion.logprobs
    if completion.parts:
        fields["parts"] = [_completion_fields(part) for part in completion.parts]
    if completion.tool_calls:
        fields["tool_calls"] = completion.tool_calls
    return fields


def _score_fields(score: Score) -> dict[str, Any]:
    fields: dict[str, Any] = {"value": score.value}
    if score.label is not None:
        fields["label"] = score.label
    if score.reason is not None:
        fields["reason"] = score.reason
    if score.details:
        fields["details"] = score.details
    if score.judged:
        fields["judged"] = [_completion_fields(one) for one in score.judged]
    return fields


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "item"):  # a number of numpy
        return value.item()
    return str(value)


def _mended(value: Any) -> Any:
    """The same without halves of surrogate pairs, which are no characters: ``?`` instead."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_mended(key): _mended(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else _plain(value)


def outcome_of(line: Mapping[str, Any]) -> Outcome:
    """The outcome that a parsed line holds.

    Raises:
        KeyError, TypeError, AttributeError: a field is missing or not of its kind.
    """
    completion, failure = line.get("completion"), line.get("failure")
    return Outcome(
        line["eval"],
        line["model"],
        line["sample_id"],
        line["repeat"],
        line["request_key"],
        None if completion is None else _completion(completion),
        {name: _score(score) for name, score in line.get("scores", {}).items()},
        None if failure is None else Failure(**failure),
    )


def _completion(fields: Mapping[str, Any]) -> Completion:
    usage, logprobs = fields.get("usage"), fields.get("logprobs")
    return Completion(
        fields["text"],
        fields.get("finish_reason"),
        None if usage is None else Usage(**usage),
        fields["latency_s"],
        fields.get("replayed", False),
        None if logprobs is None else tuple(logprobs),
        tuple(map(_completion, fields.get("parts", ()))),
        tuple(fields.get("tool_calls", ())),
    )


def _score(fields: Mapping[str, Any]) -> Score:
    if "judged" not in fields:
        return Score(**fields)
    judged = tuple(map(_completion, fields["judged"]))
    return Score(**{**fields, "judged": judged})
