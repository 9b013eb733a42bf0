"""Formulas over grades, such as ``0.7 * right + 0.3 * max(style, 0)``, without Python's eval.

Numbers, names of graders, ``+ - * / // % **`` (and ``^`` for a power), comparisons and a few
functions. All arithmetic is in floats, so that no number can grow beyond bounds.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from harness.errors import RegistryError, did_you_mean

MAX_LENGTH = 2_000
MAX_DEPTH = 50
Number = Callable[..., float]

BINARY: Mapping[type[ast.AST], Number] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: math.pow,
}
UNARY: Mapping[type[ast.AST], Number] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
COMPARISONS: Mapping[type[ast.AST], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
FUNCTIONS: Mapping[str, tuple[Number, range]] = {
    "min": (min, range(1, 100)),
    "max": (max, range(1, 100)),
    "abs": (abs, range(1, 2)),
    "floor": (math.floor, range(1, 2)),
    "ceil": (math.ceil, range(1, 2)),
    "exp": (math.exp, range(1, 2)),
    "sqrt": (math.sqrt, range(1, 2)),
    "log": (math.log, range(1, 3)),
}
"""Each with how many arguments it takes; ``log(x, base)`` has its base second."""


class NoNumber(Exception):
    """The formula has no value for these grades: a division by zero, an overflow, log(0)."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A checked formula; ``names`` are the grades that it needs."""

    text: str
    names: frozenset[str]
    _body: ast.expr = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> Formula:
        """Read a formula.

        Raises:
            RegistryError: it does not parse, or does more than formulas may.
        """
        return _parsed(text)

    def value(self, grades: Mapping[str, float]) -> float:
        """The formula's value for these grades.

        Raises:
            NoNumber: there is none, or it is not finite.
        """
        try:
            value = float(_value(self._body, grades))
        except (ArithmeticError, ValueError) as error:
            raise NoNumber(f"{self.text}: {error}") from error
        if not math.isfinite(value):
            raise NoNumber(f"{self.text}: not a finite number")
        return value


@lru_cache(maxsize=256)
def _parsed(text: str) -> Formula:
    if len(text) > MAX_LENGTH:
        raise RegistryError(f"a formula of {len(text)} characters; at most {MAX_LENGTH} are read")
    try:
        body = ast.parse(text.strip().replace("^", "**"), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise RegistryError(
            f"formula {text[:80]!r} does not parse; write one like a + 2 * b"
        ) from (error)
    names: set[str] = set()
    _check(body, names, MAX_DEPTH)
    return Formula(text, frozenset(names), body)


def _check(node: ast.expr, names: set[str], depth: int) -> None:
    """Refuse what is not listed above, before anything is asked."""
    if depth == 0:
        raise RegistryError(f"formula: more than {MAX_DEPTH} levels deep; write it flatter")
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            _check_number(number)
        case ast.Name(id=name):
            names.add(name)
        case ast.BinOp(op=op) if type(op) in BINARY:
            pass
        case ast.UnaryOp(op=op) if type(op) in UNARY:
            pass
        case ast.Compare(ops=ops) if all(type(op) in COMPARISONS for op in ops):
            pass
        case ast.Call(func=ast.Name(id=name), keywords=[]):
            _check_call(name, len(node.args))
        case _:
            part = ast.unparse(node)[:60]
            raise RegistryError(
                f"formula: {part!r} is not allowed; use numbers, grader names, + - * / // % ^,"
                f" comparisons and {', '.join(FUNCTIONS)}"
            )
    for inner in _operands(node):
        _check(inner, names, depth - 1)


def _check_number(number: float) -> None:
    try:
        finite = math.isfinite(float(number))
    except OverflowError:
        finite = False
    if not finite:
        raise RegistryError("formula: a number is too large; write a smaller one")


def _check_call(name: str, given: int) -> None:
    if name not in FUNCTIONS:
        raise RegistryError(f"formula: no function {name!r}{did_you_mean(name, FUNCTIONS)}")
    takes = FUNCTIONS[name][1]
    if given not in takes:
        raise RegistryError(f"formula: {name} takes {takes.start} to {takes.stop - 1} arguments")


def _operands(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.Call):
        return node.args
    return [inner for inner in ast.iter_child_nodes(node) if isinstance(inner, ast.expr)]


def _value(node: ast.expr, grades: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return float(grades[name])
        case ast.BinOp(left=left, op=op, right=right):
            return BINARY[type(op)](_value(left, grades), _value(right, grades))
        case ast.UnaryOp(op=op, operand=operand):
            return UNARY[type(op)](_value(operand, grades))
        case ast.Call(func=ast.Name(id=name), args=args):
            return float(FUNCTIONS[name][0](*(_value(one, grades) for one in args)))
        case ast.Compare(left=left, ops=ops, comparators=others):
            values = [_value(one, grades) for one in (left, *others)]
            pairs = zip(ops, values, values[1:], strict=False)
            return float(all(COMPARISONS[type(op)](one, two) for op, one, two in pairs))
    raise AssertionError(node)  # _check lets nothing else through
