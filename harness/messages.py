"""Chat messages as text: what they say, and how OpenAI evals writes them as one prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.records import Message, Messages

SPEAKERS: Mapping[str, str] = {
    "system": "",
    "example_user": "User: ",
    "example_assistant": "Assistant: ",
}


def prompt_text(messages: Sequence[Message]) -> str:
    """Messages as one text that ends where the assistant is to go on.

    A lone message is its own text; otherwise each is a line with its speaker, save system
    messages, which have none.
    """
    if len(messages) == 1:
        return content_text(messages[0].get("content"))
    return "".join([*_lines(messages), "Assistant:"]).lstrip()


def dialogue_text(messages: Sequence[Message]) -> str:
    """The same as one text that quotes a conversation: nobody is to go on."""
    if len(messages) == 1:
        return content_text(messages[0].get("content"))
    return "".join(_lines(messages)).lstrip()


def _lines(messages: Sequence[Message]) -> list[str]:
    return [f"{_speaker(m)}{content_text(m.get('content'))}\n" for m in messages]


def as_messages(prompt: str | Sequence[Message]) -> Messages:
    """A prompt as messages; OpenAI evals asks chat models a bare text as a system message."""
    if isinstance(prompt, str):
        return ({"role": "system", "content": prompt},)
    return tuple(prompt)


def _speaker(message: Message) -> str:
    name = str(message.get("name") or message.get("role"))
    return SPEAKERS.get(name, f"{name.capitalize()}: ")


def content_text(content: object) -> str:
    """The text of a message's content: itself, or its text parts one after the other."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, Mapping))
    return "".join(text for text in parts if isinstance(text, str))
