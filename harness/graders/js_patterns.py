"""Regular expressions of JavaScript as patterns of ours that match the same texts."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

TIMEOUT_S = 0.5
LONGEST = 10_000

SPACES = r"\t\n\x0b\x0c\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
INSIDE = {"d": "0-9", "w": "A-Za-z0-9_", "s": SPACES}
"""What a class of characters means in JavaScript: letters and digits are those of ASCII."""

LINE_ENDS = r"\n\r\u2028\u2029"
AS_THEY_ARE = frozenset("tnrfv0") | frozenset(r"^$\.*+?()[]{}|/-,:;=!<>@#%&~`'\" _")
COUNTED = re.compile(r"\{\d+(,\d*)?\}")
GROUP = re.compile(r"\?(?:[:=!]|<[=!]|<[A-Za-z_]\w*>)")
HEX = re.compile(r"x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}")


class NotTranslatable(Exception):
    """A pattern with something that JavaScript refuses, or that means something else here."""


def translated(pattern: str) -> str:
    """The same pattern in our dialect.

    Raises:
        NotTranslatable: its message names what cannot be said.
    """
    if len(pattern) > LONGEST:
        raise NotTranslatable(f"longer than {LONGEST:,} characters")
    return "".join(_pieces(pattern))


def _pieces(pattern: str) -> list[str]:
    pieces: list[str] = []
    place = 0
    while place < len(pattern):
        piece, place = _piece(pattern, place)
        pieces.append(piece)
    return pieces


def _piece(pattern: str, place: int) -> tuple[str, int]:
    """What one element becomes, and where the next begins."""
    char = pattern[place]
    if char == "\\":
        return _escaped(pattern, place + 1)
    if char == "[":
        return _class(pattern, place + 1)
    if char == "(" and pattern[place + 1 : place + 2] == "?":
        if not GROUP.match(pattern, place + 1):
            raise NotTranslatable(f"'{pattern[place : place + 4]}' is no group of JavaScript")
        return "(", place + 1
    if char == "{":
        counted = COUNTED.match(pattern, place)
        end = counted.end() if counted else place + 1
        return (counted[0] if counted else r"\{"), _not_possessive(pattern, end)
    if char in "*+?":
        is_group = place > 0 and pattern[place - 1] == "(" and char == "?"
        return char, place + 1 if is_group else _not_possessive(pattern, place + 1)
    if char == ".":
        return f"[^{LINE_ENDS}]", place + 1
    return (r"\Z" if char == "$" else r"\}" if char == "}" else char), place + 1


def _not_possessive(pattern: str, place: int) -> int:
    if pattern[place : place + 1] == "+":
        raise NotTranslatable("a quantifier with '+' behind it is none in JavaScript")
    return place


def _escaped(pattern: str, place: int) -> tuple[str, int]:
    char = pattern[place : place + 1]
    if char.lower() in INSIDE and char:
        return f"[{'^' if char.isupper() else ''}{INSIDE[char.lower()]}]", place + 1
    if char in "bB" and char:
        return f"\\{char}", place + 1
    return _plain(pattern, place)


def _plain(pattern: str, place: int) -> tuple[str, int]:
    """An escape that means one character, or the text of a group."""
    char = pattern[place : place + 1]
    if named := HEX.match(pattern, place):
        return f"\\{named[0]}", named.end()
    if char in "123456789" and char:
        return f"\\{char}", place + 1
    if char == "0":
        return r"\x00", place + 1
    if not char or char not in AS_THEY_ARE:
        raise NotTranslatable(f"'\\{char}' has no equal here")
    return f"\\{char}", place + 1


def _class(pattern: str, place: int) -> tuple[str, int]:
    """A class of characters, from behind its bracket."""
    found = ["["]
    if pattern.startswith("^", place):
        found, place = ["[^"], place + 1
    if pattern.startswith("]", place):
        raise NotTranslatable("an empty class of characters")
    while place < len(pattern) and pattern[place] != "]":
        char = pattern[place]
        if char == "\\":
            text, place = _escaped_inside(pattern, place + 1)
            found.append(text)
        else:
            found.append(rf"\{char}" if char in "[&|~" else char)
            place += 1
    if place >= len(pattern):
        raise NotTranslatable("a class of characters has no end")
    return "".join([*found, "]"]), place + 1


def _escaped_inside(pattern: str, place: int) -> tuple[str, int]:
    char = pattern[place : place + 1]
    if char in INSIDE and char:
        return INSIDE[char], place + 1
    if char == "b":
        return r"\x08", place + 1
    if char in "123456789" and char:
        raise NotTranslatable(f"'\\{char}' in a class of characters")
    return _plain(pattern, place)


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> Any:
    """The pattern, ready to search.

    Raises:
        NotTranslatable: JavaScript would refuse it, or it cannot be said here.
    """
    import regex  # the standard library's `re` can hang on a text and has no timeout

    try:
        return regex.compile(translated(pattern), regex.ASCII)
    except regex.error as error:
        raise NotTranslatable(f"not a regular expression ({error})") from error


def occurs(pattern: str, text: str) -> bool:
    """Whether the pattern matches anywhere in the text.

    Raises:
        NotTranslatable: a pattern that cannot be used.
        TimeoutError: it took too long on this text.
    """
    return compiled(pattern).search(text, timeout=TIMEOUT_S) is not None
