"""Prompts and answers of Inspect's samples in the wire format of chats."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.importing.foreign import finite, mapping
from harness.records import Completion, Message, Messages, Usage

PROTOCOL = "attachment://"
GENERATED = "generate"
FINISHED: Mapping[str, str] = {
    "stop": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}
"""Inspect's reasons to stop, and what the wire calls them."""

PROMPT_TOKENS = ("input_tokens", "input_tokens_cache_read", "input_tokens_cache_write")


@dataclass(frozen=True, slots=True)
class Attachments:
    """Long texts of a sample, which stand elsewhere as ``attachment://HASH``."""

    texts: Mapping[str, Any]

    def resolved(self, value: Any) -> Any:
        """The value with the texts in their places."""
        if isinstance(value, str):
            if not value.startswith(PROTOCOL):
                return value
            found = self.texts.get(value.removeprefix(PROTOCOL))
            return found if isinstance(found, str) else value
        if isinstance(value, list):
            return [self.resolved(one) for one in value]
        if isinstance(value, dict):
            return {key: self.resolved(one) for key, one in value.items()}
        return value


def prompt_of(sample: Mapping[str, Any], attachments: Attachments) -> Messages:
    """What was asked: everything before the model's first word, else the sample's input."""
    asked = tuple(_asked(sample.get("messages"), attachments))
    if asked:
        return asked
    given = attachments.resolved(sample.get("input"))
    if isinstance(given, str):
        return ({"role": "user", "content": given},)
    return tuple(_asked(given, attachments))


def _asked(messages: Any, attachments: Attachments) -> Iterator[Message]:
    for message in messages if isinstance(messages, list) else ():
        if not isinstance(message, dict):
            continue
        if message.get("role") == "assistant" and message.get("source", GENERATED) == GENERATED:
            return
        content = _content(attachments.resolved(message.get("content")))
        yield {"role": str(message.get("role") or "user"), "content": content}


def _content(content: Any) -> str:
    """The text of a content; reasoning is left out, what is no text is named."""
    if isinstance(content, str):
        return content
    return "\n".join(_parts(content)) if isinstance(content, list) else ""


def _parts(parts: Sequence[Any]) -> Iterator[str]:
    for part in parts:
        kind = str(mapping(part).get("type"))
        if kind == "text":
            yield str(mapping(part).get("text") or "")
        elif kind != "reasoning":
            yield f"[{kind}]"


def completion_of(
    sample: Mapping[str, Any], model: str, attachments: Attachments
) -> tuple[Completion, tuple[Completion, ...]]:
    """The last answer, and what other models said to mark it, as far as tokens tell."""
    output = mapping(sample.get("output"))
    choices = output.get("choices")
    choice = mapping(choices[0]) if isinstance(choices, list) and choices else {}
    message = mapping(choice.get("message"))
    said = _content(attachments.resolved(message.get("content")))
    text = said or attachments.resolved(output.get("completion"))
    usages = mapping(sample.get("model_usage"))
    own = _usage(usages.get(model)) or _usage(output.get("usage"))
    others = [found for name, one in usages.items() if name != model and (found := _usage(one))]
    completion = Completion(
        text if isinstance(text, str) else "",
        FINISHED.get(str(choice.get("stop_reason"))),
        own,
        _seconds(sample, output),
        tool_calls=tuple(_calls(message.get("tool_calls"))),
    )
    return completion, tuple(Completion("", usage=usage) for usage in others)


def _usage(said: Any) -> Usage | None:
    counts = mapping(said)
    prompt = [finite(counts.get(name)) for name in PROMPT_TOKENS]
    answer = finite(counts.get("output_tokens"))
    if prompt[0] is None and answer is None:
        return None
    return Usage(int(sum(filter(None, prompt))), int(answer or 0))


def _seconds(sample: Mapping[str, Any], output: Mapping[str, Any]) -> float:
    """How long the answer took: the one call's time, or the work on the sample."""
    turns = sample.get("turn_count")
    alone = finite(output.get("time")) if turns in (1, None) else None
    return max(0.0, alone or finite(sample.get("working_time")) or 0.0)


def _calls(calls: Any) -> Iterator[Mapping[str, Any]]:
    for call in calls if isinstance(calls, list) else ():
        one = mapping(call)
        arguments = json.dumps(one.get("arguments") or {}, ensure_ascii=False, default=str)
        function = {"name": str(one.get("function") or ""), "arguments": arguments}
        yield {"id": str(one.get("id") or ""), "type": "function", "function": function}
