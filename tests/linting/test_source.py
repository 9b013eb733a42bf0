from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.linting import lint
from harness.linting.source import check_kind
from tests.linting.conftest import Write, chat, conversations

GOOD = json.dumps(chat("why?", "because"))

BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "blank": (b"\n \n", "is empty"),
    "prose": (b"Dear all,\nhere are the data\n", ":1: "),
    "array": (f"[{GOOD}]".encode(), ":1: is one JSON list"),
    "pretty": (json.dumps(chat("a", "b"), indent=1).encode(), ":1: is one object over several"),
    "utf-16": (f"{GOOD}\n".encode("utf-16"), ":1: is UTF-16"),
    "utf-16 without mark": (f"{GOOD}\n".encode("utf-16-le"), "iconv -f UTF-16LE -t"),
    "utf-16 the other way round": (f"{GOOD}\n".encode("utf-16-be"), "iconv -f UTF-16BE -t"),
    "utf-32": (f"{GOOD}\n".encode("utf-32"), ":1: is UTF-32"),
    "packed under a plain name": (gzip.compress(GOOD.encode()), "packed with gzip: name it .gz"),
    "csv": (b"prompt,completion\nhi,ho\n", ":1: looks like a table"),
    "tabs": (b"prompt\tcompletion\nhi\tho\n", ":1: looks like a table"),
    "picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01", "is a picture; export it"),
    "binary": (b"\x07\x13\x00\x00\x00\x99ab\x00\x01" * 9, "is a binary file; export it"),
    "parquet": (b"PAR1\x00\x01", "is a Parquet file"),
    "sharegpt": (b'{"conversations": []}\n', ":1: has 'conversations': ShareGPT's form"),
    "alpaca": (b'{"instruction": "a", "output": "b"}\n', ":1: has 'instruction', 'output'"),
    "numbers": (b"1\n2\n", ":1: not a JSON object but a number"),
    "latin-1": ('{"prompt": "é", "completion": "é"}\n'.encode("latin-1"), ":1: byte 13 is not UTF"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_training_file_cannot_be_judged_and_says_why(name: str, tmp_path: Path) -> None:
    content, said = BAD[name]
    path = tmp_path / "train.jsonl"
    path.write_bytes(content)
    report = lint(path)
    assert report.outcome == "unjudged"
    assert report.reason.startswith(str(path))
    assert said in report.reason
    assert "\n" not in report.reason


def test_folders_and_missing_files_are_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        lint(tmp_path)
    with pytest.raises(UsageError, match="no such file"):
        lint(tmp_path / "none.jsonl")


@pytest.mark.parametrize("change", ["bom", "crlf", "list", "gzip", "blank lines"])
def test_other_ways_of_writing_the_same_lines_are_read(
    change: str, write: Write, tmp_path: Path
) -> None:
    lines = conversations(60)
    text = write(lines).read_bytes()
    written = {
        "bom": ("a.jsonl", b"\xef\xbb\xbf" + text),
        "crlf": ("a.jsonl", text.replace(b"\n", b"\r\n")),
        "list": ("a.json", json.dumps(lines).encode()),
        "gzip": ("a.jsonl.gz", gzip.compress(text)),
        "blank lines": ("a.jsonl", text.replace(b"\n", b"\n\n")),
    }
    name, content = written[change]
    path = tmp_path / name
    path.write_bytes(content)
    report = lint(path)
    assert (report.outcome, report.examples) == ("pass", 60)


def test_broken_lines_among_good_ones_are_named(write: Write) -> None:
    report = lint(write([*conversations(60), "{", '{"messages": 3}', "[1]"]))
    found = {f.rule: f.evidence["lines"] for f in report.findings}
    assert found == {"unreadable lines": [61, 63], "format": [62]}
    assert report.outcome == "blocked"
    assert report.examples == 60


def test_a_pipe_is_refused_before_a_part_of_it_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(UsageError, match="is a pipe or a device; save it to a file"):
        check_kind(tmp_path / "pipe.jsonl")
