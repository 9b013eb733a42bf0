"""A cleaned copy of a training file: what can be mended without judgement, and nothing else.

The file itself is only read. What is mended: exact duplicates, mojibake and invisible characters,
white space at the ends of answers where most have none, a byte order mark, blank lines and
Windows' line ends. Lines that cannot be read stay as they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import orjson

from harness.datasets.lines import PACKED, decoded, items
from harness.errors import DatasetError, UsageError
from harness.linting.characters import holds_right_to_left, repaired
from harness.linting.columns import bare, ends_of
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
        key = hashlib.blake2b(_sorted(clean, item), digest_size=16).digest()
        if key in seen:
            fixed.duplicates += 1
            fixed.removed.append(place.number)
            continue
        seen.add(key)
        yield _written(item, value, clean)


def _written(item: Any, value: Any, clean: Any) -> bytes:
    """A line as it stands, or as it is mended, with numbers to their last digit."""
    if not isinstance(item, bytes):
        return _dumped(clean)
    return item.strip() if clean == value else _with_numbers_of(item, clean)


def _cleaned(value: Mapping[str, Any], strips: bool, fixed: Fixed) -> dict[str, Any]:
    """A line with its texts mended; counts what was done to it."""
    mended = cast("dict[str, Any]", _mended(value, _holds_right_to_left(value)))
    fixed.characters += mended != value
    kind = format_of(mended)
    if not strips or kind is None or kind not in BARE or fault_of(mended, kind):
        return mended
    stripped = BARE[kind](mended)
    fixed.white_space += stripped != mended
    return stripped


def _holds_right_to_left(value: Any) -> bool:
    if isinstance(value, str):
        return holds_right_to_left(value)
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(_holds_right_to_left, inside))


def _mended(value: Any, right_to_left: bool) -> Any:
    """The same with mojibake and invisible characters mended in every text."""
    if isinstance(value, str):
        return repaired(value, right_to_left)
    if isinstance(value, list):
        return [_mended(item, right_to_left) for item in value]
    if isinstance(value, dict):
        return {key: _mended(item, right_to_left) for key, item in value.items()}
    return value


def _bare_chat(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "messages": [_bare_message(message) for message in value["messages"]]}


def _bare_completion(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "completion": bare(value["completion"])}


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
    return {**message, "content": bare(content) if isinstance(content, str) else _parts(content)}


def _parts(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts of a text, of which only one that is alone has two ends that are the answer's."""
    if len(parts) > 1 or not isinstance(parts[0].get("text"), str):
        return parts
    return [{**parts[0], "text": bare(parts[0]["text"])}]


# --- writing -------------------------------------------------------------------------

_LONG = re.compile(rb"\d[\d.]{15}")
"""In such a number there are more digits than a decoded one keeps."""

_PRIVATE = range(0xE000, 0xF8FF)
"""Characters that no text has a use for; one that a line lacks marks its numbers."""


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


def _with_numbers_of(item: bytes, clean: Any, *, sort_keys: bool = False) -> bytes:
    """``clean`` as JSON, with all numbers as they are written in the line that it was made from."""
    line = item.decode()
    written = json.loads(line, parse_int=_Number, parse_float=_Number)
    plain = json.dumps(clean, ensure_ascii=False)
    mark = next(chr(code) for code in _PRIVATE if chr(code) not in plain)
    exact = _numbered(clean, written, mark)
    text = json.dumps(exact, ensure_ascii=False, sort_keys=sort_keys)
    return re.sub(f'"{mark}([^"]*)"', r"\1", text).encode()


def _numbered(clean: Any, written: Any, mark: str) -> Any:
    """The same with the numbers of ``written``, as texts behind a mark."""
    if isinstance(written, _Number):
        return f"{mark}{written}"
    if isinstance(written, dict):
        return {key: _numbered(clean[key], value, mark) for key, value in written.items()}
    if isinstance(written, list):
        both = zip(clean, written, strict=True)
        return [_numbered(theirs, ours, mark) for theirs, ours in both]
    return clean


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _sorted(value: Any, item: Any) -> bytes:
    """What is the same for lines that say exactly the same."""
    if isinstance(item, bytes) and _LONG.search(item):
        return _with_numbers_of(item, value, sort_keys=True)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # a number that only Python's own writer takes
        return json.dumps(value, sort_keys=True).encode()
