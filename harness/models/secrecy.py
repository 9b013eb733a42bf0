"""What of a command line, an address or a text is secret, and how it looks without it.

Whatever is written or printed about a run goes through here: a key may stand in an option, a
header, an address or a query, wherever a user can put it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

HIDDEN = "***"
HEADER_OPTION = "--header"

SECRETS = (
    re.compile(r"(--header[= ]+'?[^:\s']+:\s*)[^'\s]+(?:\s[^'\s-][^'\s]*)*"),
    re.compile(r"((?:api[_-]?key|token|secret|password|authorization)\s*[=:]\s*)[^\s,'\"&]+", re.I),
    re.compile(r"(\bsk-)[\w-]{6,}"),
    re.compile(r"(\bhttps?://)[^/\s?#'\"]*(?=@)", re.I),
    re.compile(r"(\bBearer\s+)[^\s'\",]+", re.I),
)
"""Where a text can hold a key; the first group stays."""

ADDRESS = re.compile(r"\bhttps?://[^\s'\"]+", re.I)
QUERY_VALUE = re.compile(r"([?&][^=&#]*=)[^&#]+")
SECRET_NAME = re.compile(r"api[_-]?key|secret|password|authorization|(^|[_-])token$", re.I)


def without_secrets(text: str) -> str:
    """A text, its keys, its header values and what addresses carry as stars."""
    for pattern in SECRETS:
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return ADDRESS.sub(lambda found: QUERY_VALUE.sub(rf"\1{HIDDEN}", found.group()), text)


def shown_command(words: Iterable[str]) -> str:
    """A command line as it was typed, to be repeated in a shell, without what is secret in it."""
    shown: list[str] = []
    is_header = False
    for word in words:
        option, equals, value = word.partition("=")
        if is_header:
            shown.append(_header_name(word))
        elif option == HEADER_OPTION and equals:
            shown.append(f"{option}={_header_name(value)}")
        else:
            shown.append(without_secrets(word))
        is_header = word == HEADER_OPTION
    return shlex.join(shown)


def without_secret_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields by name, those whose name speaks of a key as stars."""
    return {
        name: HIDDEN if SECRET_NAME.search(name) else _plain(value)
        for name, value in fields.items()
    }


def _plain(value: Any) -> Any:
    return without_secrets(value) if isinstance(value, str) else value


def _header_name(header: str) -> str:
    """A header without its value; a value that names a variable is no secret."""
    name, colon, value = header.partition(":")
    if not colon:
        return HIDDEN
    return header if value.strip().startswith("$") else f"{name}:{HIDDEN}"
