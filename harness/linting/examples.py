"""From a line to an Example, whatever its format; what is wrong with it is said, never raised."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import orjson

from harness.messages import content_text

Format = Literal["chat", "prompt and completion", "preference", "sample"]
FORMATS: tuple[Format, ...] = ("chat", "prompt and completion", "preference", "sample")
INSTRUCTIONS = ("system", "developer")

MARK_BYTES = 16

Json = Mapping[str, Any]


class Said(NamedTuple):
    """One message of a chat of several turns.

    ``learnt`` is an answer that training learns; ``pictures`` is a mark of those it shows, and
    ``shown`` of all so far.
    """

    role: str
    text: str
    learnt: bool
    pictures: str = ""
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """One example as the lints see it.

    ``prompt`` is what is asked, without the instructions; ``answer`` what is to be learnt last,
    calls of functions as JSON; ``rejected`` the answer that is not preferred; ``turns`` the roles
    in order; ``images`` how many pictures are shown, ``pictures`` a mark that stands for which;
    ``expected`` the answer that a line names beside its text, or all of a sample's; ``silent`` is
    one with an empty answer among the earlier ones that are learnt, ``hushed`` one whose user says
    nothing last; ``dialogue`` are the messages before the answer of a chat that has several,
    without the instructions; ``learnt`` says whether the answer itself is.
    """

    line: int
    format: Format
    instructions: str
    prompt: str
    answer: str
    turns: tuple[str, ...]
    rejected: str | None = None
    images: int = 0
    pictures: str = ""
    functions: str = ""
    expected: tuple[str, ...] = ()
    silent: bool = False
    hushed: bool = False
    dialogue: tuple[Said, ...] = ()
    learnt: bool = True

    @property
    def asked(self) -> str:
        """What is asked, pictures included: with another picture it is another question."""
        return with_pictures(self.prompt, self.pictures)

    @property
    def text(self) -> str:
        """Everything that the line says."""
        parts = (self.instructions, self.prompt, self.answer, self.rejected or "", self.functions)
        return "\n".join(part for part in parts if part)


def with_pictures(text: str, mark: str) -> str:
    """A text with the mark of the pictures that it goes with."""
    return f"{text}\n{mark}" if mark else text


def format_of(value: Json) -> Format | None:
    """The format that a line is meant to have; None for none that is known."""
    if "messages" in value:
        return "chat"
    if "preferred_output" in value or "non_preferred_output" in value:
        return "preference"
    if "prompt" in value and "completion" in value:
        return "prompt and completion"
    return "sample" if "input" in value and not is_alpaca(value) else None


def is_alpaca(value: Json) -> bool:
    """Has a line the fields of Alpaca's form, in which ``input`` is a part of the question?"""
    return "instruction" in value and "output" in value and "ideal" not in value


def example_of(value: Json, line: int, format: Format) -> Example:
    """The example of a line whose shape is sound."""
    return READERS[format](value, line)


def _chat(value: Json, line: int) -> Example:
    messages = value["messages"]
    return _conversation(messages[:-1], messages[-1], line, "chat", value)


def _preference(value: Json, line: int) -> Example:
    source = value["input"]
    asked, preferred = source["messages"], value["preferred_output"]
    example = _conversation(asked, preferred[-1], line, "preference", source)
    rejected = "\n".join(said_by(message) for message in value["non_preferred_output"])
    chosen = "\n".join(said_by(message) for message in preferred)
    return _with(example, answer=chosen, rejected=rejected)


def _completion(value: Json, line: int) -> Example:
    turns = ("user", "assistant")
    prompt, answer = value["prompt"], value["completion"]
    return Example(line, "prompt and completion", "", prompt, answer, turns)


def _sample(value: Json, line: int) -> Example:
    asked, ideal = value["input"], value.get("ideal")
    messages = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
    ideals = ideal if isinstance(ideal, list) else [] if ideal is None else [ideal]
    texts = tuple(i if isinstance(i, str) else json.dumps(i, ensure_ascii=False) for i in ideals)
    answer = {"role": "assistant", "content": texts[0] if texts else ""}
    return _with(_conversation(messages, answer, line, "sample", {}), expected=texts)


READERS = {
    "chat": _chat,
    "preference": _preference,
    "prompt and completion": _completion,
    "sample": _sample,
}


def _conversation(
    asked: Sequence[Json], answer: Json, line: int, format: Format, about: Json
) -> Example:
    told = [m for m in asked if m.get("role") in INSTRUCTIONS]
    said = [m for m in asked if m.get("role") not in INSTRUCTIONS]
    named = about.get("ideal")
    pictures = [part for m in asked for part in _pictures(m)]
    tools = about.get("tools") or about.get("functions")
    return Example(
        line=line,
        format=format,
        instructions="\n".join(map(said_by, told)),
        prompt=said_by(said[0]) if len(said) == 1 else _dialogue(said),
        answer=said_by(answer),
        turns=(*(str(m.get("role")) for m in asked), str(answer.get("role"))),
        images=len(pictures),
        pictures=_mark(pictures),
        functions=orjson.dumps(tools).decode() if tools else "",
        expected=(named,) if isinstance(named, str) else (),
        silent=format == "chat" and any(map(_is_silent, asked)),
        hushed=_is_hushed(said),
        dialogue=_several(said) if format == "chat" and len(said) > 1 else (),
        learnt=answer.get("weight") != 0,
    )


def _is_silent(message: Json) -> bool:
    """Is it an empty answer that is learnt?"""
    return _is_learnt(message) and not said_by(message).strip()


def _is_learnt(message: Json) -> bool:
    return message.get("role") == "assistant" and message.get("weight") != 0


def _is_hushed(said: Sequence[Json]) -> bool:
    """Does the user say and show nothing last?"""
    last = next((m for m in reversed(said) if m.get("role") == "user"), None)
    return last is not None and not said_by(last).strip() and not _shows(last)


def _shows(message: Json) -> bool:
    """Has it a part that is no text: a picture, a sound?"""
    content = message.get("content")
    return isinstance(content, list) and any("text" not in str(p.get("type")) for p in content)


def _several(messages: Sequence[Json]) -> tuple[Said, ...]:
    """The messages of a chat of several turns, with marks of their pictures."""
    found: list[Said] = []
    seen: list[Json] = []
    for message in messages:
        own = _pictures(message)
        seen += own
        shown = _mark(seen) if own or not found else found[-1].shown
        role, text = str(message.get("role")), said_by(message)
        found.append(Said(role, text, _is_learnt(message), _mark(own), shown))
    return tuple(found)


def _with(example: Example, **changes: Any) -> Example:
    from dataclasses import replace

    return replace(example, **changes)


def _dialogue(messages: Sequence[Json]) -> str:
    return "\n".join(f"{m.get('role')}: {said_by(m)}" for m in messages)


def said_by(message: Json) -> str:
    """A message's text; the calls that it makes as JSON."""
    text = content_text(message.get("content"))
    calls = message.get("tool_calls") or message.get("function_call")
    if calls:
        shown = orjson.dumps(_without_ids(calls), option=orjson.OPT_SORT_KEYS).decode()
        text = f"{text}\n{shown}" if text else shown
    refusal = message.get("refusal")
    return f"{text}{refusal}" if isinstance(refusal, str) else text


def _without_ids(calls: Any) -> Any:
    """Calls as what they ask for: ids and types differ from line to line and say nothing."""
    if isinstance(calls, list):
        return [c.get("function", c) if isinstance(c, dict) else c for c in calls]
    return calls


def _pictures(message: Json) -> list[Json]:
    content = message.get("content")
    if not isinstance(content, list):
        return []
    return [p for p in content if isinstance(p, dict) and "image" in str(p.get("type"))]


def _mark(pictures: Sequence[Json]) -> str:
    """A short text that differs where pictures do."""
    if not pictures:
        return ""
    data = orjson.dumps(pictures, option=orjson.OPT_SORT_KEYS)
    return f"[picture {hashlib.blake2b(data, digest_size=MARK_BYTES).hexdigest()}]"
