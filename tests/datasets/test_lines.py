from __future__ import annotations

import gzip
import importlib
import json
import sys
from pathlib import Path

import pytest

from harness.datasets.lines import objects
from harness.errors import DatasetError

THREE = [{"n": 1}, {"n": 2}, {"n": 3}]
LINES = b"".join(json.dumps(one).encode() + b"\n" for one in THREE)


def numbers(path: Path) -> list[int]:
    return [value["n"] for _, value in objects(path)]


def refusal(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        list(objects(path))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


@pytest.mark.parametrize(
    "text",
    [
        LINES,
        LINES.replace(b"\n", b"\r\n"),
        LINES.replace(b"\n", b"\r"),
        LINES.rstrip(b"\n"),
        b"\xef\xbb\xbf" + LINES,
        LINES.replace(b"\n", b"\n\n  \n"),
    ],
    ids=["unix", "windows", "old mac", "no last newline", "byte order mark", "blank lines"],
)
def test_every_way_to_end_lines_reads_the_same(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(text)
    assert numbers(path) == [1, 2, 3]


def test_places_count_lines_as_editors_do(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n": 1}\n\n{"n": 2}\n')
    assert [str(place) for place, _ in objects(path)] == [f"{path}:1", f"{path}:3"]


def test_a_json_list_is_read_item_by_item(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(THREE, indent=2))
    assert numbers(path) == [1, 2, 3]
    assert [str(place) for place, _ in objects(path)][2] == f"{path}: item 3"


def test_a_json_file_may_hold_lines_too(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(LINES)
    assert numbers(path) == [1, 2, 3]


# --- packed files and folders --------------------------------------------------------


def test_gzip_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(LINES))
    assert numbers(path) == [1, 2, 3]


@pytest.mark.parametrize(("suffix", "package"), [(".zst", "zstandard"), (".lz4", "lz4.frame")])
def test_other_packings_are_read_where_their_package_is(
    tmp_path: Path, suffix: str, package: str
) -> None:
    pytest.importorskip(package)
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(importlib.import_module(package).compress(LINES))
    assert numbers(path) == [1, 2, 3]
    path.write_bytes(b"not packed at all")
    assert "cannot be read" in refusal(path)


@pytest.mark.parametrize(("suffix", "package"), [(".zst", "zstandard"), (".lz4", "lz4.frame")])
def test_a_packing_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(b"")
    needed = package.partition(".")[0]
    assert f"reading {suffix} needs the package {needed}" in refusal(path)


def test_broken_packing_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(b"plain text")
    assert "is no whole gzip file" in refusal(path)
    path.write_bytes(gzip.compress(LINES * 1000)[:-20])
    assert "copy it or pack it again" in refusal(path)


def test_a_folder_is_read_with_its_sub_folders_in_sorted_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "deep.jsonl").write_text('{"n": 2}\n')
    (tmp_path / "a.jsonl").write_text('{"n": 1}\n')
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(b'{"n": 3}\n'))
    (tmp_path / "notes.txt").write_text("no sample")
    (tmp_path / "a.jsonl.bak").write_text("no sample")
    assert numbers(tmp_path) == [1, 2, 3]


def test_a_folder_without_lines_says_so(tmp_path: Path) -> None:
    assert "holds no .jsonl file" in refusal(tmp_path)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.jsonl").write_bytes(LINES)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    assert "a link out of" in refusal(folder)


# --- faults of one line --------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"n": 1,}', "broken JSON at column"),
        (b'{"n": 1} {"n": 2}', "Extra data"),
        (b'{"n": ', "Expecting value"),
        (b"[1, 2]", "not a JSON object but a list"),
        (b'"text"', "not a JSON object but a text"),
        (b"null", "not a JSON object but nothing"),
        (b"3", "not a JSON object but a number"),
        (b'{"n": "\xff"}', "byte 8 is not UTF-8"),
        (b'{"n": "\\ud800"}', "half a character"),
        (b'{"n":' * 100_000, "nested too deeply"),
        (b'{"n": ' + b"1" * 5000 + b"}", "a number is too long"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
    ],
)
def test_a_broken_line_is_named_with_its_repair(tmp_path: Path, line: bytes, said: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n": 0}\n' + line + b"\n")
    message = refusal(path)
    assert message.startswith(":2: ")
    assert said in message


def test_what_only_python_takes_for_json_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n": NaN, "m": 1}\n{"n": 123456789012345678901234567890}\n')
    not_a_number, large = numbers(path)
    assert not_a_number != not_a_number
    assert large == pytest.approx(1.2345678901234568e29)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "gone.jsonl") == ": no such file"
