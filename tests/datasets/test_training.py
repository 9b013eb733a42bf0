from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.datasets import read_training, scan_training
from harness.errors import DatasetError
from harness.records import TrainingExample

ASK = {"role": "user", "content": "hi"}
SAY = {"role": "assistant", "content": "hello"}
GOOD = {"messages": [ASK, SAY]}


def write(folder: Path, *lines: Any) -> Path:
    path = folder / "t.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_chat_lines_become_examples(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, {**GOOD, "tools": [], "topic": "tea"})
    assert read_training(path) == [
        TrainingExample((ASK, SAY), 1),
        TrainingExample((ASK, SAY), 2, {"topic": "tea"}),
    ]


def test_the_legacy_format_becomes_messages(tmp_path: Path) -> None:
    (example,) = read_training(write(tmp_path, {"prompt": "hi ->", "completion": " hello"}))
    assert [m["content"] for m in example.messages] == ["hi ->", " hello"]
    assert [m["role"] for m in example.messages] == ["user", "assistant"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"text": "hi"}, "example has no 'messages' (it has 'text')"),
        ({"prompt": "hi"}, "example has no 'messages'"),
        ({"messages": []}, "'messages' has to be a list of messages"),
        ({"messages": [ASK]}, "the last message is the user's"),
        ({"messages": [ASK, {"role": "asistant", "content": "x"}]}, "did you mean 'assistant'"),
        ({"messages": [ASK, {"role": "assistant"}]}, "message 2 has no text"),
        ([], "not a JSON object but a list"),
    ],
)
def test_a_wrong_example_is_named_with_its_line(tmp_path: Path, line: Any, said: str) -> None:
    path = write(tmp_path, GOOD, line)
    with pytest.raises(DatasetError) as caught:
        read_training(path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert said in str(caught.value)


def test_a_scan_goes_on_behind_errors(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, {"messages": []}, GOOD)
    path.write_text(path.read_text() + "{broken\n")
    kinds = [type(found).__name__ for found in scan_training(path)]
    assert kinds == ["TrainingExample", "DatasetError", "TrainingExample", "DatasetError"]


def test_an_empty_file_shows_what_a_line_looks_like(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no examples; add lines like"):
        read_training(write(tmp_path))
