from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.linting.fixing import fix
from tests.linting.conftest import Write, chat, completions, conversations


def test_what_is_safe_is_mended_and_the_original_stays(write: Write, tmp_path: Path) -> None:
    lines = conversations(20)
    path = write([*lines, lines[3], chat("café", "un cafÃ© \n"), "", "{broken"])
    before = path.read_bytes()
    fixed = fix(path, tmp_path / "clean.jsonl")
    assert path.read_bytes() == before
    texts = (tmp_path / "clean.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(text) for text in texts[:20]] == lines
    assert json.loads(texts[20]) == chat("café", "un café")
    assert texts[21:] == ["{broken"]
    counts = (fixed.lines, fixed.duplicates, fixed.characters, fixed.white_space, fixed.unreadable)
    assert counts == (22, 1, 1, 1, 1)
    assert fixed.removed == [21]


def test_marks_and_line_ends_of_windows_go(write: Write, tmp_path: Path) -> None:
    path = write(conversations(5))
    bare = path.read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + bare.replace(b"\n", b"\r\n"))
    fix(path, tmp_path / "clean.jsonl")
    assert (tmp_path / "clean.jsonl").read_bytes() == bare


def test_a_space_that_most_completions_begin_with_stays(write: Write, tmp_path: Path) -> None:
    path = write(completions(20))
    fix(path, tmp_path / "clean.jsonl")
    assert (tmp_path / "clean.jsonl").read_bytes() == path.read_bytes()


def test_the_indentation_of_code_stays(write: Write, tmp_path: Path) -> None:
    path = write([*conversations(9), chat("go on", "    a = 1\n    b = 2\n")])
    fix(path, tmp_path / "clean.jsonl")
    last = (tmp_path / "clean.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["messages"][-1]["content"] == "    a = 1\n    b = 2"


@pytest.mark.parametrize("how", ["itself", "link", "hard link", "taken", "packed", "no folder"])
def test_a_copy_never_replaces_anything(how: str, write: Write, tmp_path: Path) -> None:
    path = write(conversations(5))
    before = path.read_bytes()
    out = tmp_path / "out.jsonl"
    if how == "itself":
        out = tmp_path / "." / "train.jsonl"
    elif how == "link":
        out.symlink_to(path)
    elif how == "hard link":
        os.link(path, out)
    elif how == "taken":
        out.write_text("mine")
    elif how == "packed":
        out = tmp_path / "out.jsonl.gz"
    else:
        out = tmp_path / "none" / "out.jsonl"
    with pytest.raises(UsageError):
        fix(path, out)
    assert path.read_bytes() == before
    assert how != "taken" or out.read_text() == "mine"
    assert not list(tmp_path.glob("*.part"))


def test_answers_in_a_part_lose_white_space_too(write: Write, tmp_path: Path) -> None:
    lines = conversations(60)
    lines[3]["messages"][-1]["content"] = [{"type": "text", "text": "yes \n"}]
    out = tmp_path / "clean.jsonl"
    assert fix(write(lines), out).white_space == 1
    assert json.loads(out.read_text().splitlines()[3])["messages"][-1]["content"] == [
        {"type": "text", "text": "yes"}
    ]
