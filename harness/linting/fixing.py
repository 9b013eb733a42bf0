"""A cleaned copy of a training file: what can be mended without judgement, and nothing else.

The file itself is only read. What is mended: exact duplicates, mojibake and invisible characters,
white space at the ends of answers where most have none, a byte order mark, blank lines and
Windows' line ends. Lines that cannot be read stay as they are.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import orjson

from harness.datasets.lines import PACKED, decoded, items
from harness.errors import DatasetError, UsageError
from harness.linting.characters import repaired
from harness.linting.columns import ends_of
from harness.linting.examples import Format, example_of, format_of
from harness.linting.shapes import fault_of
from harness.linting.source import check_kind
from harness.whole_file import whole_file


@dataclass(slots=True)
class Fixed:
    """What a cleaned copy holds, and how many lines of it were changed in which way."""

    out: Path
    lines: int = 0
    duplicates: int = 0
    characters: int = 0
    white_space: int = 0
    unreadable: int = 0
    removed: list[int] = field(default_factory=list)


def fix(path: Path, out: Path) -> Fixed:
    """Write a cleaned copy of ``path`` to ``out``.

    Raises:
        UsageError: ``out`` exists, is the file itself, or cannot be written.
        DatasetError: the file is not made of JSON lines.
    """
    check_kind(path)
    check_copy(path, out)
    strips = _most_answers_are_bare(path)
    fixed = Fixed(out)
    try:
        with whole_file(out) as file:
            for line in _clean_lines(path, strips, fixed):
                file.write(line + b"\n")
                fixed.lines += 1
    except OSError as error:
        raise UsageError(f"{out}: cannot be written ({error.strerror})") from error
    return fixed


def check_copy(path: Path, out: Path) -> None:
    """Refuse a copy that would write over something, or that cannot be written.

    Raises:
        UsageError: ``out`` exists, is the file itself, is packed, or has no folder.
    """
    if out.exists() and path.exists() and out.samefile(path):
        raise UsageError(f"--fix {out}: is the file itself; name another, the original stays")
    if out.exists() or out.is_symlink():
        raise UsageError(f"--fix {out}: exists already; remove it or name another")
    if out.suffix in PACKED:
        raise UsageError(f"--fix {out}: the copy is not packed; name it without {out.suffix}")
    if not out.parent.is_dir():
        raise UsageError(f"--fix {out}: there is no folder {out.parent}; make it first")


def _most_answers_are_bare(path: Path) -> bool:
    """Have most answers no white space at their ends? Then those that have lose it."""
    ends: Counter[int] = Counter()
    for place, item in items(path):
        try:
            value = decoded(item, place)
        except DatasetError:
            continue
        kind = format_of(value)
        if kind is not None and fault_of(value, kind) is None:
            ends[ends_of(example_of(value, place.number, kind).answer)] += 1
    return bool(ends) and ends.most_common(1)[0][0] == 0


def _clean_lines(path: Path, strips: bool, fixed: Fixed) -> Iterator[bytes]:
    seen: set[bytes] = set()
    for place, item in items(path):
        try:
            value = decoded(item, place)
        except DatasetError:
            fixed.unreadable += 1
            yield item.rstrip(b"\r\n") if isinstance(item, bytes) else _dumped(item)
            continue
        clean = _cleaned(value, strips, fixed)
        key = hashlib.blake2b(_sorted(clean), digest_size=16).digest()
        if key in seen:
            fixed.duplicates += 1
            fixed.removed.append(place.number)
            continue
        seen.add(key)
        untouched = clean == value and isinstance(item, bytes)
        yield item.strip() if untouched else _dumped(clean)


def _cleaned(value: Mapping[str, Any], strips: bool, fixed: Fixed) -> dict[str, Any]:
    """A line with its texts mended; counts what was done to it."""
    mended = cast("dict[str, Any]", _mended(value))
    fixed.characters += mended != value
    kind = format_of(mended)
    if not strips or kind is None or kind not in BARE or fault_of(mended, kind):
        return mended
    bare = BARE[kind](mended)
    fixed.white_space += bare != mended
    return bare


def _mended(value: Any) -> Any:
    """The same with mojibake and invisible characters mended in every text."""
    if isinstance(value, str):
        return repaired(value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {key: _mended(item) for key, item in value.items()}
    return value


def _bare_chat(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "messages": [_bare_message(message) for message in value["messages"]]}


def _bare_completion(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "completion": _bare(value["completion"])}


def _bare_preference(value: dict[str, Any]) -> dict[str, Any]:
    sides = ("preferred_output", "non_preferred_output")
    return {**value, **{side: [_bare_message(m) for m in value[side]] for side in sides}}


BARE: Mapping[Format, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "chat": _bare_chat,
    "prompt and completion": _bare_completion,
    "preference": _bare_preference,
}


def _bare_message(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if message.get("role") != "assistant" or not content:
        return message
    bare = _bare(content) if isinstance(content, str) else _bare_parts(content)
    return {**message, "content": bare}


def _bare_parts(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts of a text, of which only one that is alone has two ends that are the answer's."""
    if len(parts) > 1 or not isinstance(parts[0].get("text"), str):
        return parts
    return [{**parts[0], "text": _bare(parts[0]["text"])}]


def _bare(text: str) -> str:
    """A text without white space at its ends; the indentation of several lines stays."""
    if not text.strip():
        return text
    text = text.rstrip()
    return text.lstrip("\r\n") if "\n" in text.strip() else text.lstrip()


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _sorted(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # a number that only Python's own writer takes
        return json.dumps(value, sort_keys=True).encode()
