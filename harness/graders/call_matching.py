"""Whether a call is one of those allowed, argument by argument, with the semantics of BFCL.

Allowed values stand in BFCL's form: ``{function: {argument: [values]}}``; an empty text among
an argument's values lets it be left out. What is no type of the schema, or not in it, is told
from the allowed values. Source: the AST checker of the Berkeley Function-Calling Leaderboard.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.graders.call_reading import Call

OPTIONAL = ""
TYPES: Mapping[str, type] = {
    "string": str,
    "any": str,
    "integer": int,
    "float": float,
    "number": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "object": dict,
}
"""Python's type for a schema's; ``number`` and ``object`` are JSON Schema's own names."""

NESTED = ("array", "tuple")
IGNORED = re.compile(r"[ ,./\-_*^]")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One call that has to be made: the function, its arguments' allowed values, its schema."""

    name: str
    allowed: Mapping[str, Sequence[Any]]
    properties: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()

    def is_named(self, name: str) -> bool:
        """Whether a call names it; servers that refuse dots get underscores instead."""
        return name in (self.name, self.name.replace(".", "_"))

    def faults(self, call: Call) -> dict[str, str]:
        """What is wrong with the arguments of a call of this function, by argument."""
        missing = {
            name: "is missing"
            for name, values in self.allowed.items()
            if name not in call.arguments and (OPTIONAL not in values or name in self.required)
        }
        wrong = {
            name: fault
            for name, value in call.arguments.items()
            if (fault := self._fault(name, value)) is not None
        }
        return missing | wrong

    def _fault(self, name: str, value: Any) -> str | None:
        if name not in self.allowed or (self.properties and name not in self.properties):
            return "is no argument of it"
        allowed = self.allowed[name]
        kind = _kind(self.properties.get(name), allowed)
        if kind.name == "tuple" and isinstance(value, tuple):
            value = list(value)
        if kind.python is float and type(value) is int:
            value = _as_float(value)
        if not kind.takes(value, allowed):
            return f"is {shown(value)}, which is no {kind.name}"
        if not _is_allowed(value, allowed, kind):
            values = [one for one in allowed if one != OPTIONAL] or ["left out"]
            return f"is {shown(value)}, not {' or '.join(map(shown, values[:3]))}"
        return None


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def shown(value: Any) -> str:
    """A value for a reason, cut short; numbers of thousands of digits cannot be written."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return "a value too long to show"
    return text if len(text) <= 80 else text[:80] + "…"


# --- types ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind:
    """An argument's type: the schema's word, Python's type, and that of an array's items."""

    name: str
    python: type | None
    items: type | None = None

    def takes(self, value: Any, allowed: Sequence[Any]) -> bool:
        """Whether a value is of this type, or of that of the allowed values (a variable)."""
        if self.python is None:
            return True
        if type(value) is self.python and self.items is None:
            return True
        if type(value) is self.python and isinstance(value, list):
            return any(self._takes_items(value, one) for one in allowed)
        return type(value) is type_of(allowed)

    def _takes_items(self, value: list[Any], allowed: Any) -> bool:
        if not isinstance(allowed, list):
            return True
        known = type_of(allowed)
        return all(type(item) is self.items or type(item) is known for item in value)

    def is_variable(self, allowed: Sequence[Any]) -> bool:
        """Whether the allowed values are of another type: names of variables, as text."""
        known = type_of(allowed)
        return known is not None and known is not self.python


def _kind(schema: Any, allowed: Sequence[Any]) -> Kind:
    word = schema.get("type") if isinstance(schema, Mapping) else None
    if not isinstance(word, str) or word not in TYPES:
        known = type_of(allowed)
        return Kind(known.__name__ if known else "value", known, _items_of(allowed, known))
    inner = schema.get("items") if word in NESTED else None
    items = inner.get("type") if isinstance(inner, Mapping) else None
    return Kind(word, TYPES[word], TYPES.get(items) if isinstance(items, str) else None)


def type_of(allowed: Sequence[Any]) -> type | None:
    """The type of the first value that is not the mark of an optional argument."""
    return next((type(value) for value in allowed if value != OPTIONAL), None)


def _items_of(allowed: Sequence[Any], known: type | None) -> type | None:
    """The items' type of arrays that no schema describes: only objects are told apart."""
    items = [item for value in allowed if isinstance(value, list) for item in value]
    return dict if known is list and items and all(isinstance(i, dict) for i in items) else None


# --- values --------------------------------------------------------------------------


def _is_allowed(value: Any, allowed: Sequence[Any], kind: Kind) -> bool:
    if kind.is_variable(allowed):
        return value in allowed
    if isinstance(value, dict):
        return any(_same_object(value, one) for one in allowed if isinstance(one, dict))
    if isinstance(value, list) and kind.items is dict:
        return any(_same_objects(value, one) for one in allowed if isinstance(one, list))
    if isinstance(value, list):
        empty: list[list[Any]] = [[]] if OPTIONAL in allowed else []
        lists = [[folded(item) for item in one] for one in allowed if isinstance(one, list)]
        return [folded(item) for item in value] in lists + empty
    return folded(value) in [folded(one) for one in allowed]


def _same_objects(value: list[Any], allowed: list[Any]) -> bool:
    """The same objects in the same order."""
    return len(value) == len(allowed) and all(map(_same_object, value, allowed))


def _same_object(value: Any, allowed: Any) -> bool:
    """Every key's value is among its allowed ones; keys may be missing where "" is among them."""
    if not isinstance(value, dict) or not isinstance(allowed, dict):
        return False
    known = {key: one if isinstance(one, list) else [one] for key, one in allowed.items()}
    return all(
        key in known and folded(item) in [folded(one) for one in known[key]]
        for key, item in value.items()
    ) and all(key in value or OPTIONAL in values for key, values in known.items())


def folded(value: Any) -> Any:
    """A text without case, spaces and ``, . / - _ * ^``, its quotes double; others as they are."""
    return IGNORED.sub("", value).lower().replace("'", '"') if isinstance(value, str) else value
