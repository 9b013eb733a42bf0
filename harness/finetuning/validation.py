"""Validation sets as a service takes them: chats, also where the file holds samples of an eval."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import DatasetError


def as_chats(data: bytes, path: Path) -> bytes:
    """A validation file's lines with every sample as a chat that ends in its first ideal answer.

    Lines that are no samples stay as they are: what is wrong with them the service says.

    Raises:
        DatasetError: a sample without an answer.
    """
    lines = data.splitlines()
    return b"".join(_chat(line, path, number) + b"\n" for number, line in enumerate(lines, 1))


def _chat(line: bytes, path: Path, number: int) -> bytes:
    try:
        value = json.loads(line)
    except ValueError:  # not JSON, or not UTF-8
        return line
    if not isinstance(value, dict) or "input" not in value or "messages" in value:
        return line
    chat: dict[str, Any] = {"messages": [*_asked(value), _answer(value, path, number)]}
    if value.get("tools"):
        chat["tools"] = value["tools"]
    return json.dumps(chat, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _asked(sample: Mapping[str, Any]) -> list[Any]:
    asked = sample["input"]
    return asked if isinstance(asked, list) else [{"role": "user", "content": asked}]


def _answer(sample: Mapping[str, Any], path: Path, number: int) -> dict[str, str]:
    ideal = sample.get("ideal")
    first = next(iter(ideal), None) if isinstance(ideal, list) else ideal
    if first is None:
        raise DatasetError(
            f"{path}:{number}: the sample has no 'ideal', so there is no answer to measure the "
            "loss on; add one, or leave the line out"
        )
    text = first if isinstance(first, str) else json.dumps(first, ensure_ascii=False)
    return {"role": "assistant", "content": text}
