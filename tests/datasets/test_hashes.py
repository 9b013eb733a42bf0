from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from harness.datasets import file_hash
from harness.errors import DatasetError


def test_a_files_hash_is_its_sha256(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"{}\n")
    assert file_hash(path) == hashlib.sha256(b"{}\n").hexdigest()


def test_a_folders_hash_sees_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"{}\n")
    (tmp_path / "b.jsonl").write_bytes(b"[]\n")
    before = file_hash(tmp_path)
    (tmp_path / "notes.txt").write_text("not data")
    assert file_hash(tmp_path) == before
    (tmp_path / "b.jsonl").rename(tmp_path / "c.jsonl")
    assert file_hash(tmp_path) != before


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        file_hash(tmp_path / "gone")
