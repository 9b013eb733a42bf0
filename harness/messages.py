"""Chat messages as text: what they say, and how OpenAI evals writes them as one prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.records import Message

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
    lines = [f"{_speaker(message)}{content_text(message.get('content'))}\n" for message in messages]
    return "".join([*lines, "Assistant:"]).lstrip()


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
