"""Checking chat messages as they come from a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.datasets.lines import Place
from harness.errors import DatasetError, did_you_mean
from harness.records import Messages

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
SPEAKS_WITHOUT_TEXT = ("tool_calls", "function_call", "refusal")


def checked_messages(value: Any, name: str, place: Place) -> Messages:
    """A list of chat messages with known roles and contents; ``name`` is the field's.

    Raises:
        DatasetError: which message is wrong, and how.
    """
    if not isinstance(value, list) or not value:
        raise DatasetError(f"{place}: '{name}' has to be a list of messages with role and content")
    for number, message in enumerate(value, 1):
        wrong = _fault(message)
        if wrong is not None:
            raise DatasetError(f"{place}: '{name}': message {number} {wrong}")
    return tuple(value)


def _fault(message: Any) -> str | None:
    """What is wrong with a message; None where nothing is."""
    if not isinstance(message, dict):
        return "is not an object with role and content"
    role = message.get("role")
    if role not in ROLES:
        near = did_you_mean(role, ROLES) if isinstance(role, str) else ""
        return f"has the role {role!r}{near or '; add one'}"
    if not _is_content(message.get("content"), message):
        return "has no text; its 'content' has to be text or a list of parts"
    return None


def _is_content(content: Any, message: Mapping[str, Any]) -> bool:
    if isinstance(content, str):
        return True
    if isinstance(content, list):
        return bool(content) and all(isinstance(part, dict) for part in content)
    return content is None and any(message.get(key) for key in SPEAKS_WITHOUT_TEXT)


def other_fields(line: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """A line's further fields; those of an object called ``metadata`` stand beside them."""
    if len(line) == len(known & line.keys()):
        return {}
    others = {key: value for key, value in line.items() if key not in known}
    nested = others.get("metadata")
    return {**others, **nested} if isinstance(nested, dict) else others
