"""Does the prompt hold what the answer says? Numbers, names, and the fields of JSON answers."""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?!\w)")
NAME = re.compile(r"(?<=[a-z,;:] )[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})*")
"""Capitals in the middle of a sentence."""

MOST_CHARACTERS = 20_000


class Grounding(NamedTuple):
    """How many numbers and names an answer has, and how many of them its prompt lacks."""

    line: int
    stated: int
    absent: int
    example: str


@dataclass(slots=True)
class FieldSeen:
    """One field of JSON answers: how often its value stands in the prompt, and where not."""

    grounded: int = 0
    seen: int = 0
    lacking: array[int] = field(default_factory=lambda: array("q"))
    example: str = ""


Fields = dict[str, FieldSeen]


def grounding_of(given: str, answer: str, fields: Fields, line: int) -> Grounding | None:
    """What an answer states that its prompt may not hold; JSON answers go into ``fields``."""
    found = json_object(answer)
    if found is not None:
        _look_at_fields(given, found, fields, line)
        return None
    told = answer[:MOST_CHARACTERS]
    stated = {*NUMBER.findall(told), *NAME.findall(told)}
    if not stated:
        return None
    absent = [item for item in stated if item not in given]
    return Grounding(line, len(stated), len(absent), min(absent, default=""))


def json_object(text: str) -> Mapping[str, Any] | None:
    """The JSON object that a text is; None where it is none."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _look_at_fields(given: str, found: Mapping[str, Any], fields: Fields, line: int) -> None:
    folded = given.casefold()
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
            continue
        seen = fields.setdefault(name, FieldSeen())
        seen.seen += 1
        if str(value).casefold() in folded:
            seen.grounded += 1
        else:
            seen.lacking.append(line)
            seen.example = seen.example or f"{name}: {value}"
