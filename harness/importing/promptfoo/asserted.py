"""The assertions of a test, with its variables in them, as our grader checks them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.graders.assertions import ASSERT, NOT, RUBRIC, SET, THRESHOLD, fault_of
from harness.importing.promptfoo.files import FILE, YAML_ENDINGS, Folder, LeftOut
from harness.importing.promptfoo.templates import Values, rendered, shown, texts_in

Told = Callable[[str, str], None]
LISTS = ("contains-any", "contains-all", "icontains-any", "icontains-all")
KEPT = ("type", "value", "threshold", "weight", "metric")
CHANGING = ("transform", "contextTransform")
DEEPEST = 5


def asserted(
    listed: Any, values: Values, folder: Folder, told: Told, depth: int = 0
) -> list[Mapping[str, Any]]:
    """Those of a test's assertions that have an equal here; the others are told."""
    return list(_kept(listed, values, folder, told, depth))


def _kept(
    listed: Any, values: Values, folder: Folder, told: Told, depth: int
) -> Iterator[Mapping[str, Any]]:
    for raw in listed if isinstance(listed, list) else ():
        kind = str(raw.get("type")) if isinstance(raw, Mapping) else "an assertion"
        try:
            if kind == SET and isinstance(raw, Mapping) and depth < DEEPEST:
                yield from _set(raw, values, folder, told, depth)
            else:
                yield _one(raw, values, folder)
        except LeftOut as reason:
            told(f"assertion {kind}", str(reason))


def _set(
    raw: Mapping[str, Any], values: Values, folder: Folder, told: Told, depth: int
) -> Iterator[Mapping[str, Any]]:
    """A set with what is left of it; nothing where nothing is."""
    inner = asserted(raw.get(ASSERT), values, folder, told, depth + 1)
    if inner:
        yield {"type": SET, ASSERT: inner, **_terms(raw, values)}


def _one(raw: Any, values: Values, folder: Folder) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("type"), str):
        raise LeftOut("it has no type, or stands in another file")
    changing = next((key for key in CHANGING if raw.get(key)), None)
    if changing:
        raise LeftOut(f"its '{changing}' is code that changes the answer first")
    made = {"type": raw["type"], **_terms(raw, values)}
    if "value" in raw:
        made["value"] = _value(raw, values, folder)
    fault = fault_of(made)
    if fault:
        raise LeftOut(fault)
    return made


def _terms(raw: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """What an assertion says beside its value: how much it counts, and for what."""
    found = {key: raw[key] for key in (THRESHOLD, "weight") if raw.get(key) is not None}
    bad = next((key for key, one in found.items() if not _is_number(one)), None)
    if bad:
        raise LeftOut(f"its '{bad}' is no number")
    metric = raw.get("metric")
    return {**found, "metric": rendered(metric, values)} if isinstance(metric, str) else found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _value(raw: Mapping[str, Any], values: Values, folder: Folder) -> Any:
    """The value with its templates filled and its file read."""
    value, base = raw["value"], raw["type"].removeprefix(NOT)
    if isinstance(value, str):
        value = _from_file(value, folder) if value.startswith(FILE) else rendered(value, values)
        if base in LISTS and isinstance(value, str):
            value = list(texts_in(value))
        return value
    if isinstance(value, list):
        return [_item(one, values, folder) for one in value]
    if base == RUBRIC:
        raise LeftOut("its rubric is no text")
    if isinstance(value, Mapping) or value is None:
        return value
    shown(value)  # a date has no plain text
    return value


def _item(value: Any, values: Values, folder: Folder) -> Any:
    if not isinstance(value, str):
        return value
    return _from_file(value, folder) if value.startswith(FILE) else rendered(value, values)


def _from_file(reference: str, folder: Folder) -> Any:
    """What promptfoo makes of a file that is a value: a text without spaces around it, or data."""
    name = reference.removeprefix(FILE)
    if name.endswith((".json", *YAML_ENDINGS)):
        return folder.values(name)
    if name.endswith(".txt"):
        return folder.text(name).strip()
    folder.path(name)
    raise LeftOut(f"files such as {name} are not read as a value")
