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


NUMBERS = '"id": 123456789012345678901234567890, "p": 0.10000000000000000001, "q": [1.10, -0, 1e5]'


def test_numbers_of_a_mended_line_keep_their_digits(write: Write, tmp_path: Path) -> None:
    line = f'{{{NUMBERS}, "prompt": "cafÃ© \ue000", "completion": "1.10"}}'
    out = tmp_path / "clean.jsonl"
    assert fix(write([line]), out).characters == 1
    assert out.read_text().strip() == line.replace("cafÃ©", "café")


def test_lines_that_differ_in_a_late_digit_are_no_duplicates(write: Write, tmp_path: Path) -> None:
    lines = [
        f'{{"prompt": "a", "completion": "b", "id": 1234567890123456789012345678{i}}}'
        for i in (1, 2, 2)
    ]
    fixed = fix(write(lines), tmp_path / "clean.jsonl")
    assert (fixed.lines, fixed.removed) == (2, [3])


def test_marks_of_direction_stay_beside_right_to_left_letters(write: Write, tmp_path: Path) -> None:
    lines = [
        *conversations(9),
        chat("translate \u2068lamp\u2069", "מנורה"),
        chat("say \u2068lamp\u2069", "lamp"),
    ]
    out = tmp_path / "clean.jsonl"
    assert fix(write(lines), out).characters == 1
    asked = [json.loads(t)["messages"][0]["content"] for t in out.read_text().splitlines()[-2:]]
    assert asked == ["translate \u2068lamp\u2069", "say lamp"]
