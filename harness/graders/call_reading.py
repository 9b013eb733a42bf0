"""From what a model wrote to the function calls in it: Python syntax, JSON, or the wire format.

Nothing is ever run: values are read off Python's syntax tree or parsed as JSON.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from harness.records import Completion

LARGEST_TEXT = 20_000
"""Characters that are searched: far more than any answer made of calls has."""

MOST_TRIES = 40
"""Places in a text at which a call may begin that are looked at."""

FENCE = re.compile(r"```[\w-]*\n?(.*?)```", re.DOTALL)
LIST_START = re.compile(r"\[\s*[A-Za-z_][\w.]*\s*\(")
CALL_START = re.compile(r"(?<![\w.])[A-Za-z_][\w.]*\(")
JSON_START = re.compile(r"[\[{]")
CALL_KEYS = {"name", "arguments", "parameters", "id", "type"}
CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Call:
    """One function call. ``positional`` counts arguments without a name, which are not read."""

    name: str
    arguments: Mapping[str, Any]
    positional: int = 0


def calls_in(completion: Completion) -> tuple[Call, ...]:
    """Every call that an answer makes, in its order; none where it makes none.

    Tool calls of the server come first; then a fenced block; then the text, as JSON where
    that is what it holds, else as Python.
    """
    if completion.tool_calls:
        return tuple(call for one in completion.tool_calls for call in _json_calls(one))
    text = completion.text[:LARGEST_TEXT].strip()
    blocks = "\n".join(FENCE.findall(text)).strip()
    return (text_calls(blocks) if blocks else ()) or text_calls(text)


def text_calls(text: str) -> tuple[Call, ...]:
    """The calls in a text without fences."""
    return (
        tuple(_json_calls(_json(text)))
        or tuple(_python_calls(text))
        or tuple(call for part in _parts(text, JSON_START) for call in _json_calls(_json(part)))
        or tuple(_quoted_calls(text, LIST_START))
        or tuple(_quoted_calls(text, CALL_START))
    )


# --- JSON ----------------------------------------------------------------------------


def _json(text: str) -> Any:
    """The value that a JSON text stands for; None for anything else."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _json_calls(value: Any) -> Iterator[Call]:
    """Calls as servers and models write them; nothing where one thing is no call.

    An object with ``name`` and ``arguments`` (or ``parameters``), one that wraps such an object
    as ``function``, an object of functions by name, ``tool_calls``, or a list of any of these.
    """
    if isinstance(value, list):
        found = [tuple(_json_calls(one)) for one in value if not isinstance(one, list)]
        if len(found) == len(value) and all(found):
            yield from (call for calls in found for call in calls)
    elif isinstance(value, Mapping):
        yield from _object_calls(value)


def _object_calls(value: Mapping[str, Any]) -> Iterator[Call]:
    if isinstance(value.get("tool_calls"), list):
        yield from _json_calls(value["tool_calls"])
    elif isinstance(value.get("function"), Mapping):
        yield from _json_calls(value["function"])
    elif isinstance(value.get("name"), str):
        arguments = _arguments(value.get("arguments", value.get("parameters")))
        if arguments is not None and (arguments or value.keys() <= CALL_KEYS):
            yield Call(value["name"], arguments)
    else:
        read = {name: None if one in (None, "") else _arguments(one) for name, one in value.items()}
        if None not in read.values():
            yield from (Call(name, arguments or {}) for name, arguments in read.items())


def _arguments(value: Any) -> Mapping[str, Any] | None:
    """Arguments as an object, or as the JSON text that the wire format makes of it."""
    if isinstance(value, str):
        value = _json(value) if value.strip() else {}
    return {} if value is None else value if isinstance(value, Mapping) else None


# --- Python --------------------------------------------------------------------------


def _python_calls(text: str) -> Iterator[Call]:
    """The calls of a text that is nothing but calls: one, a list of them, or one a line."""
    tree = _parsed(text.strip("` \n\t")) or _parsed("[" + text.strip("` \n\t[]") + "]")
    if tree is None:
        return
    found: list[Call] = []
    for statement in tree.body:
        value = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None
        nodes = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
        for node in nodes:
            name = _name(node.func) if isinstance(node, ast.Call) else None
            if not isinstance(node, ast.Call) or name is None:
                return
            found.append(_call(name, node))
    yield from found


def _parsed(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():  # about what a model wrote, such as "\d" or 1is
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _call(name: str, node: ast.Call) -> Call:
    arguments: dict[str, Any] = {}
    positional = len(node.args)
    for keyword in node.keywords:
        value = _value(keyword.value)
        if keyword.arg is not None:
            arguments[keyword.arg] = value
        elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
            arguments.update(value)
        else:
            positional += 1
    return Call(name, arguments, positional)


def _name(node: ast.expr) -> str | None:
    """A function's name with its dots; None for what is no name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def _value(node: ast.expr) -> Any:
    """The value of a literal; of anything else its source text, as BFCL takes variables."""
    try:
        return _literal(node)
    except RecursionError:
        return None


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        return "..." if node.value is ... else node.value
    if isinstance(node, ast.List):
        return [_literal(one) for one in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_literal(one) for one in node.elts)
    if isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) for key in node.keys):
        keys = (key.value for key in node.keys if isinstance(key, ast.Constant))
        return dict(zip(keys, map(_literal, node.values), strict=True))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _literal(node.operand)
        if isinstance(value, int | float):
            return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp):
        number = _sum_or_product(node)
        if number is not None:
            return number
    return ast.unparse(node)


def _sum_or_product(node: ast.BinOp) -> int | float | None:
    """``2 * 3`` as a number; powers are left alone, they would not end."""
    left, right = _literal(node.left), _literal(node.right)
    if not (_is_number(left) and _is_number(right)):
        return None
    try:
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        if isinstance(node.op, ast.Mult):
            return left * right
        return left / right if isinstance(node.op, ast.Div) else None
    except ArithmeticError:
        return None


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


# --- calls inside other text ---------------------------------------------------------


def _quoted_calls(text: str, start: re.Pattern[str]) -> Iterator[Call]:
    """Python calls amid prose; ``f (see below)`` and ``f(x)`` are prose too."""
    for part in _parts(text, start):
        yield from (call for call in _python_calls(part) if not call.positional)


def _parts(text: str, start: re.Pattern[str]) -> Iterator[str]:
    """Parts of a text from a place where a call may begin to the end of its brackets."""
    position = 0
    for _ in range(MOST_TRIES):
        found = start.search(text, position)
        if found is None:
            return
        first = next(i for i in range(found.start(), found.end()) if text[i] in CLOSING)
        end = _closed(text, first)
        yield from () if end is None else (text[found.start() : end],)
        position = found.end() if end is None else end


def _closed(text: str, start: int) -> int | None:
    """Behind the bracket that closes the one at ``start``; brackets within quotes are none."""
    open_brackets: list[str] = []
    quote = ""
    position = start
    while position < len(text):
        character = text[position]
        if quote:
            position += character == "\\"
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in CLOSING:
            open_brackets.append(CLOSING[character])
        elif open_brackets and character == open_brackets[-1]:
            open_brackets.pop()
            if not open_brackets:
                return position + 1
        position += 1
    return None
