"""Members of a zip archive, read one by one into memory and never to the disk, with bounds.

Inspect packs with Zstandard, which Python's own reader does not know before 3.14.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import DatasetError

LARGEST_MEMBER = 256 * 2**20
LARGEST_ARCHIVE = 8 * 2**30
"""Bytes when unpacked: a small file can claim to be a terabyte."""

MOST_MEMBERS = 1_000_000
LARGEST_WINDOW = 128 * 2**20
ZSTANDARD = 93
LOCAL_HEADER = 30
SIGNATURE = b"PK\x03\x04"
ENCRYPTED = 1


@dataclass(slots=True)
class Archive:
    """A zip archive whose members are read on request."""

    path: Path
    members: dict[str, zipfile.ZipInfo] = field(default_factory=dict)
    unpacked: int = 0

    @classmethod
    def open(cls, path: Path) -> Archive:
        """Read the table of members.

        Raises:
            DatasetError: no zip archive, or too many members.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                infos = archive.infolist()
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise DatasetError(
                f"{path}: cannot be read as a zip archive ({error}); copy the log again, or repair"
                " it with 'inspect log recover'"
            ) from error
        if len(infos) > MOST_MEMBERS:
            raise DatasetError(f"{path}: holds {len(infos):,} members, more than {MOST_MEMBERS:,}")
        return cls(path, {info.filename: info for info in infos})

    def read(self, name: str) -> bytes:
        """One member, unpacked.

        Raises:
            DatasetError: too large, broken, or packed in a way that cannot be read.
        """
        info, place = self.members[name], f"{self.path}: {name!r}"
        if max(info.file_size, info.compress_size) > LARGEST_MEMBER:
            raise DatasetError(f"{place}: more than {LARGEST_MEMBER:,} bytes; split the log")
        if info.flag_bits & ENCRYPTED:
            raise DatasetError(f"{place}: is encrypted; give the log itself")
        content = self._unpacked(info, place)
        self.unpacked += len(content)
        if self.unpacked > LARGEST_ARCHIVE:
            raise DatasetError(f"{self.path}: unpacks to more than {LARGEST_ARCHIVE:,} bytes")
        if len(content) != info.file_size or zlib.crc32(content) != info.CRC:
            raise DatasetError(f"{place}: is damaged; copy the log again")
        return content

    def _unpacked(self, info: zipfile.ZipInfo, place: str) -> bytes:
        try:
            if info.compress_type == ZSTANDARD:
                return _zstandard(self._packed(info), info.file_size, place)
            with zipfile.ZipFile(self.path) as archive, archive.open(info) as member:
                return member.read(info.file_size + 1)
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
            raise DatasetError(f"{place}: cannot be read ({error})") from error

    def _packed(self, info: zipfile.ZipInfo) -> bytes:
        with self.path.open("rb") as file:
            file.seek(info.header_offset)
            header = file.read(LOCAL_HEADER)
            if len(header) < LOCAL_HEADER or not header.startswith(SIGNATURE):
                raise zipfile.BadZipFile("no member where the table says")
            name_length, extra_length = struct.unpack("<HH", header[26:30])
            file.seek(name_length + extra_length, io.SEEK_CUR)
            return file.read(info.compress_size)


def _zstandard(packed: bytes, size: int, place: str) -> bytes:
    """Unpack no more than ``size`` bytes, and one to see that there are no more."""
    zstandard = _package(place)
    reader = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW)
    try:
        with reader.stream_reader(packed, read_across_frames=True) as stream:
            return bytes(stream.read(size + 1))
    except zstandard.ZstdError as error:
        raise DatasetError(f"{place}: cannot be read ({error})") from error


def _package(place: str) -> Any:
    try:
        import zstandard
    except ImportError as error:
        raise DatasetError(
            f"{place}: is packed with Zstandard; pip install 'finetune-harness[inspect]', or write"
            " the log as JSON with 'inspect log convert --to json'"
        ) from error
    return zstandard
