"""Training files: chat JSONL in bytes, checked line by line as the hosted API does."""

from __future__ import annotations

from typing import Any

import orjson

from harness.embedded.refusals import Refusal

Example = list[dict[str, Any]]
"""The messages of one training example."""

FEWEST_EXAMPLES = 10
"""The hosted API's own minimum."""

ROLES = ("system", "user", "assistant")


def read_examples(data: bytes, param: str) -> list[Example]:
    """Return the examples of a training or validation file; ``param`` says which of the two.

    Raises:
        Refusal: the file cannot be trained on; the message names the line.
    """
    lines = [
        (number, line) for number, line in enumerate(data.splitlines(), start=1) if line.strip()
    ]
    examples = [read_example(line, number, param) for number, line in lines]
    if param == "training_file" and len(examples) < FEWEST_EXAMPLES:
        raise invalid(
            param, f"it has {len(examples)} example(s) and must have at least {FEWEST_EXAMPLES}"
        )
    if not examples:
        raise invalid(param, "it is empty")
    return examples


def read_example(line: bytes, number: int, param: str) -> Example:
    """Return the messages of one line."""
    try:
        example = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise invalid(param, f"line {number} is not JSON: {error}") from None
    problem = fault(example)
    if problem:
        raise invalid(param, f"line {number}: {problem}")
    messages: Example = example["messages"]
    return messages


def fault(example: Any) -> str | None:
    """Return what is wrong with an example, None if nothing is."""
    if not isinstance(example, dict) or not isinstance(example.get("messages"), list):
        return 'an example is an object with a list "messages"'
    if extra := sorted(set(example) - {"messages"}):
        return f"unknown key {extra[0]!r}; the embedded model trains on messages only"
    messages = example["messages"]
    for position, message in enumerate(messages):
        if problem := message_fault(message):
            return f"messages[{position}]: {problem}"
    if not messages or messages[-1]["role"] != "assistant":
        return "the last message must be from the assistant"
    if not any(m["role"] == "assistant" and m.get("weight", 1) for m in messages):
        return "no message from the assistant has weight 1: nothing to learn from"
    return None


def message_fault(message: Any) -> str | None:
    """Return what is wrong with a message, None if nothing is."""
    if not isinstance(message, dict):
        return "a message is an object with role and content"
    if message.get("role") not in ROLES:
        return f"role {message.get('role')!r} is not one of {', '.join(ROLES)}"
    if not isinstance(message.get("content"), str):
        return "content must be a string"
    if extra := sorted(set(message) - {"role", "content", "name", "weight"}):
        return f"unknown key {extra[0]!r}"
    if "weight" in message and message["weight"] not in (0, 1):
        return "weight must be 0 or 1"
    return None


def invalid(param: str, problem: str) -> Refusal:
    """Return the refusal of a whole file."""
    kind = param.replace("_", " ")
    return Refusal(f"Invalid {kind}: {problem}", param=param, code=f"invalid_{param}")
