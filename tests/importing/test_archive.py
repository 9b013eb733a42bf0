"""Packed logs of strangers: too large, damaged, or packed in ways that cannot be read."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from zlib import crc32

import pytest
import zstandard

from harness.errors import DatasetError
from harness.importing import archive as archives
from harness.importing.archive import ZSTANDARD, Archive

TEXT = b'{"answer": 42}' * 100


def packed(path: Path, method: int = zipfile.ZIP_DEFLATED, text: bytes = TEXT) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a.json", text)
    return path


def packed_by_zstandard(path: Path, text: bytes = TEXT) -> Path:
    """The stored archive, its one member exchanged for a packed one of the same length."""
    inner = zstandard.ZstdCompressor().compress(text)
    packed(path, zipfile.ZIP_STORED, inner)
    whole = bytearray(path.read_bytes())
    central = whole.index(b"PK\x01\x02")
    for place, header in ((0, 8), (central, 10)):
        struct.pack_into("<H", whole, place + header, ZSTANDARD)
        struct.pack_into("<I", whole, place + header + 6, crc32(text))
        struct.pack_into("<I", whole, place + header + 14, len(text))
    path.write_bytes(whole)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_is_read_whole(tmp_path: Path, method: int) -> None:
    assert Archive.open(packed(tmp_path / "a.eval", method)).read("a.json") == TEXT


def test_zstandard_is_unpacked(tmp_path: Path) -> None:
    assert Archive.open(packed_by_zstandard(tmp_path / "a.eval")).read("a.json") == TEXT


def test_a_bomb_is_not_unpacked_beyond_what_its_table_says(tmp_path: Path) -> None:
    path = packed_by_zstandard(tmp_path / "a.eval", b"0" * 5_000_000)
    whole = bytearray(path.read_bytes())
    struct.pack_into("<I", whole, whole.index(b"PK\x01\x02") + 24, 10)
    path.write_bytes(whole)
    with pytest.raises(DatasetError, match="is damaged"):
        Archive.open(path).read("a.json")


def test_a_member_that_claims_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LARGEST_MEMBER", 100)
    with pytest.raises(DatasetError, match="more than 100 bytes"):
        Archive.open(packed(tmp_path / "a.eval")).read("a.json")


def test_all_members_together_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LARGEST_ARCHIVE", 2 * len(TEXT))
    archive = Archive.open(packed(tmp_path / "a.eval"))
    assert [archive.read("a.json") for _ in range(2)] == [TEXT, TEXT]
    with pytest.raises(DatasetError, match="unpacks to more than"):
        archive.read("a.json")


def test_a_damaged_member_is_told(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.eval", zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"42", b"43", 1))
    with pytest.raises(DatasetError, match="cannot be read"):
        Archive.open(path).read("a.json")


@pytest.mark.parametrize("size", [0, 10, 300])
def test_half_an_archive_is_told(tmp_path: Path, size: int) -> None:
    path = packed(tmp_path / "a.eval", zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DatasetError, match="cannot be read as a zip archive"):
        Archive.open(path)


def test_nothing_is_written_whatever_members_are_called(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "a.eval"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../outside.json", TEXT)
    assert Archive.open(path).read("../../outside.json") == TEXT
    assert [one.name for one in tmp_path.rglob("*")] == ["logs", "a.eval"]
