"""From the lines of a training file to TrainingExamples: chat format, or prompt and completion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.datasets.lines import Place, decoded, items
from harness.datasets.messages import checked_messages, other_fields
from harness.errors import DatasetError
from harness.records import Messages, TrainingExample

KNOWN = frozenset({"messages", "prompt", "completion", "tools", "parallel_tool_calls"})


def read_training(path: Path) -> list[TrainingExample]:
    """All examples of a training file.

    Raises:
        DatasetError: ``file:line: what is wrong`` for the first line that is.
    """
    examples = []
    for found in scan_training(path):
        if isinstance(found, DatasetError):
            raise found
        examples.append(found)
    return examples


def scan_training(path: Path) -> Iterator[TrainingExample | DatasetError]:
    """Each line's example, or the error that it would raise, so that a lint can count them.

    Raises:
        DatasetError: the file itself cannot be read, or holds nothing.
    """
    empty = True
    for place, item in items(path):
        empty = False
        try:
            yield _example(decoded(item, place), place)
        except DatasetError as error:
            yield error
    if empty:
        raise DatasetError(f"{path}: holds no examples; add lines like " + EXAMPLE)


EXAMPLE = (
    '{"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}'
)


def _example(line: Mapping[str, Any], place: Place) -> TrainingExample:
    messages = _messages(line, place)
    last = messages[-1]["role"]
    if last != "assistant":
        raise DatasetError(
            f"{place}: the last message is the {last}'s; end with the assistant's answer to learn"
        )
    return TrainingExample(messages, place.number, other_fields(line, KNOWN))


def _messages(line: Mapping[str, Any], place: Place) -> Messages:
    if "messages" in line:
        return checked_messages(line["messages"], "messages", place)
    prompt, completion = line.get("prompt"), line.get("completion")
    if isinstance(prompt, str) and isinstance(completion, str):
        return (
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": completion},
        )
    found = ", ".join(f"'{key}'" for key in list(line)[:6]) or "nothing"
    raise DatasetError(
        f"{place}: example has no 'messages' (it has {found}); write it like {EXAMPLE}"
    )
