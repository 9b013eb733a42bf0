"""Templates of promptfoo (nunjucks), as far as they only put values in: ``{{ name.key[0] }}``.

Anything that computes is refused by name, so that no prompt is another one here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from harness.importing.promptfoo.files import LeftOut

Values = Mapping[str, Any]

TAG = re.compile(r"\{\{(.*?)\}\}|\{#.*?#\}|(\{%)", re.DOTALL)
PATH = re.compile(r"""[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\.\d+|\[\d+\]|\["[^"\]]*"\]|\['[^'\]]*'\])*""")
STEP = re.compile(r"""\.?([A-Za-z_]\w*|\d+)|\[(\d+)\]|\["([^"]*)"\]|\['([^']*)'\]""")
PARTIAL = re.compile(r"\{%[^%]*$|\{\{[^}]*$|\{#[^#]*$", re.MULTILINE)
NAMED = re.compile(r"\{\{\s*([^{}\s|]+)\s*(?:\|[^}]+)?\}\}")
ALONE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
DOLLARS = re.compile(r"\$[$&`']")
WORDS = frozenset(
    (
        *("true", "false", "none", "null", "nil", "not", "and", "or", "in", "is", "if", "else"),
        *("env", "range", "cycler", "joiner", "super", "loop"),
    )
)
"""What names no variable in a template."""
ROUNDS = 5
LARGEST = 4 * 2**20


def rendered(template: str, values: Values) -> str:
    """The template with the values in their places; what is not there becomes nothing.

    Raises:
        LeftOut: it computes something, or a value has no plain text.
    """
    made, place = [], 0
    for tag in TAG.finditer(template):
        made.append(template[place : tag.start()])
        place = tag.end()
        if tag[2] is not None:
            raise LeftOut("a template with '{%' is a program, and is not run here")
        if tag[1] is not None:
            made.append(_put_in(tag[1], values))
    made.append(template[place:])
    if "{{" in template[place:] or "{%" in template[place:] or "{#" in template[place:]:
        raise LeftOut("a template's bracket is not closed")
    text = "".join(made)
    if len(text) > LARGEST:
        raise LeftOut(f"a text of more than {LARGEST:,} characters")
    return text


def _put_in(inner: str, values: Values) -> str:
    path, *filters = (part.strip() for part in inner.split("|"))
    if not PATH.fullmatch(path) or path.partition(".")[0].partition("[")[0] in WORDS:
        raise LeftOut(f"'{{{{{inner[:60]}}}}}' computes something, which is not done here")
    value = _found(path, values)
    for name in filters:
        if name not in FILTERS:
            raise LeftOut(f"the filter '{name[:40]}' of a template has no equal here")
        value = FILTERS[name](value)
    return shown(value)


def _found(path: str, values: Values) -> Any:
    value: Any = values
    for step in STEP.finditer(path):
        key = next(part for part in step.groups() if part is not None)
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal():
            value = value[int(key)] if len(key) < 9 and int(key) < len(value) else None
        elif value is None:
            return None
        else:
            raise LeftOut(f"'{path[:60]}' asks for a part of a value that has no parts here")
    return value


def shown(value: Any) -> str:
    """A value as JavaScript puts it into a text.

    Raises:
        LeftOut: a date, which JavaScript writes by the clock of its machine.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, Mapping):
        return "[object Object]"
    if isinstance(value, list):
        return ",".join(map(shown, value))
    raise LeftOut(f"{value} is a date; put it in quotes")


def number_text(value: float) -> str:
    """A number as JavaScript writes it."""
    if isinstance(value, int):
        if abs(value) > 2**53:
            raise LeftOut(f"{value} is no exact number in JavaScript; put it in quotes")
        return str(value)
    if value != value or value in (float("inf"), float("-inf")):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        text = format(Decimal(repr(value)), "f")
        return text.removesuffix(".0").replace("-0", "0") if value == 0 else text.removesuffix(".0")
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}"


def as_json(value: Any) -> str:
    """A value as ``JSON.stringify`` writes it."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, date):
        raise LeftOut(f"{value} is a date; put it in quotes")
    return value


def _text(value: Any) -> str:
    """What a filter of texts takes; it fails there on other values."""
    if value is None or value is False:
        return ""
    if not isinstance(value, str):
        raise LeftOut("a filter of texts meets a value that is none")
    return value


FILTERS: Mapping[str, Any] = {
    "dump": as_json,
    "trim": lambda value: _text(value).strip(),
    "upper": lambda value: _text(value).upper(),
    "lower": lambda value: _text(value).lower(),
    "safe": lambda value: value,
}
"""Filters that mean the same here."""


# --- variables -----------------------------------------------------------------------


def resolved(values: Values) -> dict[str, Any]:
    """Variables that name others, with these in their places, as assertions see them."""
    found = {
        key: value.removesuffix("\n") if isinstance(value, str) else value
        for key, value in values.items()
    }
    for _ in range(ROUNDS):
        changed = [_resolve(key, found) for key in found]
        if not any(changed):
            break
    return found


def _resolve(key: str, values: dict[str, Any]) -> bool:
    """Put one variable into another; says whether it did."""
    text = values[key]
    named = ALONE.search(text) if isinstance(text, str) else None
    if named is None or named[1] not in values:
        return False
    value = values[named[1]]
    put = "null" if value is None else shown(value)
    if DOLLARS.search(put):
        raise LeftOut("a variable that is put into another holds '$$' or '$&'")
    values[key] = text[: named.start()] + put + text[named.end() :]
    if len(values[key]) > LARGEST:
        raise LeftOut(f"a text of more than {LARGEST:,} characters")
    return True


def in_prompt(values: Values) -> dict[str, Any]:
    """Resolved variables as a prompt that is a text sees them: templates in them are filled."""
    return {
        key: _filled(value, values) if isinstance(value, str) else value
        for key, value in values.items()
    }


def _filled(text: str, values: Values) -> str:
    roots = (re.match(r"[A-Za-z_]\w*", name) for name in NAMED.findall(text))
    if any(root and root[0] != "env" and root[0] not in values for root in roots):
        return text
    return whole_or_raw(text, values)


def whole_or_raw(text: str, values: Values) -> str:
    """A text with its templates filled; as it is where one of them is not closed."""
    return text if PARTIAL.search(text) else rendered(text, values)


def rendered_inside(value: Any, values: Values) -> Any:
    """The value with every text in it rendered."""
    if isinstance(value, str):
        return rendered(value, values)
    if isinstance(value, list):
        return [rendered_inside(one, values) for one in value]
    if isinstance(value, Mapping):
        return {key: rendered_inside(one, values) for key, one in value.items()}
    return value


def texts_in(value: str) -> Sequence[str]:
    """The fields of a text with commas, some of them perhaps in quotes.

    Raises:
        LeftOut: a quote is not closed, or something stands behind it.
    """
    found, place = [], 0
    while place < len(value):
        if value[place].isspace() or value[place] == ",":
            place += 1
        elif quoted := QUOTED.match(value, place):
            found.append(ESCAPED.sub(r"\1", quoted[1]))
            place = quoted.end()
        elif value[place] == '"':
            raise LeftOut("a list in one text has a quote that is not closed")
        else:
            end = value.find(",", place)
            end = len(value) if end < 0 else end
            found.append(value[place:end].strip())
            place = end
    return found


QUOTED = re.compile(r'"((?:[^"\\]|\\.|"")*)"\s*(?=,|$)', re.DOTALL)
ESCAPED = re.compile(r'[\\"](["\\])')
