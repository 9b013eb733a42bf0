"""Marks function calls against those that are allowed, as the Berkeley leaderboard does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from harness.graders.call_matching import Wanted
from harness.graders.call_reading import Call, calls_in, text_calls
from harness.records import Completion, Sample, Score


@dataclass(frozen=True)
class FunctionCalls:
    """The answer makes exactly the calls that are wanted, in any order.

    A sample says which as ``ground_truth``, in BFCL's form: ``[{function: {argument: [allowed
    values]}}]``; or each of its ideals is such a list as JSON, or simply the right calls. Types
    come from its ``function`` schemas, or else its ``tools``.
    """

    needs_ideal: ClassVar[bool] = False

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """1 when all calls are right; the shares ``name`` and ``arguments`` are its details."""
        answers = list(_answers(sample))
        if not answers:
            return Score(None, reason="the sample has no right calls: add its 'ground_truth'")
        made = calls_in(completion)
        verdicts = [verdict(wanted, made) for wanted in answers]
        best = max(verdicts, key=lambda one: (one.is_right, one.arguments, one.name))
        return Score(
            value=float(best.is_right),
            label=", ".join(call.name for call in made) or "no call",
            reason=best.reason,
            details={"name": best.name, "arguments": best.arguments},
        )


# --- what is wanted ------------------------------------------------------------------


def _answers(sample: Sample) -> Iterator[tuple[Wanted, ...]]:
    """Each way to answer right: the calls that it takes."""
    schemas = dict(_schemas(sample))
    truth = sample.metadata.get("ground_truth")
    if truth is not None:
        yield from _wanted(truth, schemas)
        return
    for ideal in sample.ideal:
        found = tuple(_wanted(_json(ideal), schemas))
        yield from found or _exactly(text_calls(ideal), schemas)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _wanted(truth: Any, schemas: Mapping[str, Any]) -> Iterator[tuple[Wanted, ...]]:
    """One way to answer, where ``truth`` is calls with allowed values; else none."""
    calls = truth if isinstance(truth, list) else [truth]
    if calls and all(map(_has_allowed_values, calls)):
        pairs = (pair for call in calls for pair in call.items())
        yield tuple(_one(name, allowed, schemas) for name, allowed in pairs)


def _has_allowed_values(call: Any) -> bool:
    return (
        isinstance(call, Mapping)
        and len(call) == 1
        and all(
            isinstance(arguments, Mapping) and all(isinstance(v, list) for v in arguments.values())
            for arguments in call.values()
        )
    )


def _exactly(calls: tuple[Call, ...], schemas: Mapping[str, Any]) -> Iterator[tuple[Wanted, ...]]:
    """One way to answer: these very calls."""
    if calls:
        yield tuple(
            _one(call.name, {name: [_plain(v)] for name, v in call.arguments.items()}, schemas)
            for call in calls
        )


def _plain(value: Any) -> Any:
    """An exact value as an allowed one: the values in objects are lists of allowed ones too."""
    if isinstance(value, dict):
        return {key: [one] for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _one(name: str, allowed: Mapping[str, list[Any]], schemas: Mapping[str, Any]) -> Wanted:
    schema = schemas.get(name) or schemas.get(name.replace(".", "_")) or {}
    parameters = schema.get("parameters")
    fields = parameters if isinstance(parameters, Mapping) else {}
    properties, required = fields.get("properties"), fields.get("required")
    return Wanted(
        name,
        allowed,
        properties if isinstance(properties, Mapping) else {},
        tuple(required) if isinstance(required, list) else (),
    )


def _schemas(sample: Sample) -> Iterator[tuple[str, Mapping[str, Any]]]:
    described = sample.metadata.get("function")
    if not isinstance(described, list):
        described = [tool.get("function") for tool in sample.tools]
    for schema in described:
        if isinstance(schema, Mapping) and isinstance(schema.get("name"), str):
            yield schema["name"], schema


# --- what was called -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an answer does: the shares of wanted functions called, and of arguments right."""

    is_right: bool
    name: float
    arguments: float
    reason: str | None = None


@dataclass(slots=True)
class _Sums:
    """What is counted over the wanted calls."""

    named: int = 0
    arguments: float = 0.0
    reasons: list[str] = field(default_factory=list)


def verdict(wanted: tuple[Wanted, ...], made: tuple[Call, ...]) -> Verdict:
    """Match the calls made with those wanted, each with one, in any order.

    A wanted call takes the first call left that is right, else the best of its name.
    """
    left, sums = list(made), _Sums()
    open_ones = [one for one in wanted if not _take_right(one, left, sums)]
    for one in open_ones:
        _take_best(one, left, sums)
    sums.reasons += [f"{call.name} is not wanted" for call in left]
    return Verdict(
        is_right=not sums.reasons,
        name=sums.named / len(wanted),
        arguments=sums.arguments / len(wanted),
        reason="; ".join(sums.reasons[:5]) or None,
    )


def _take_right(wanted: Wanted, left: list[Call], sums: _Sums) -> bool:
    for call in left:
        if wanted.is_named(call.name) and not wanted.faults(call):
            left.remove(call)
            sums.named += 1
            sums.arguments += 1
            return True
    return False


def _take_best(wanted: Wanted, left: list[Call], sums: _Sums) -> None:
    """Count the call of this name with the fewest faults, and say what they are."""
    named = [(wanted.faults(call), call) for call in left if wanted.is_named(call.name)]
    if not named:
        sums.reasons.append(f"{wanted.name} is not called")
        return
    faults, call = min(named, key=lambda one: len(one[0]))
    left.remove(call)
    sums.named += 1
    sums.arguments += 1 - len(faults) / len({*wanted.allowed, *call.arguments})
    unread = f" ({call.positional} without a name are not read)" if call.positional else ""
    told = ", ".join(f"{name!r} {fault}" for name, fault in list(faults.items())[:5])
    sums.reasons.append(f"{wanted.name}: {told}{unread}")
