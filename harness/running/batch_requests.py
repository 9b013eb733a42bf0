"""The input files of batches: requests of one model and endpoint each, split at the limits."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from harness.errors import RunFolderError
from harness.records import Endpoint, Request
from harness.running.batch_ledger import Part


@dataclass(eq=False)
class RequestFiles:
    """Writes requests to files of one model and endpoint each, and begins new ones when full.

    ``parts`` are the files that are on the disk.
    """

    folder: Path
    next_number: int
    most: int
    most_bytes: int
    parts: list[Part] = field(default_factory=list)
    _open: dict[tuple[str, Endpoint], tuple[Part, BinaryIO]] = field(default_factory=dict)

    def write(self, request: Request, line: bytes) -> None:
        """Add a request to the file of its model."""
        key = (request.model, request.endpoint)
        part, file = self._open.get(key) or self._begin(request)
        if part.requests and (
            part.requests >= self.most or file.tell() + len(line) > self.most_bytes
        ):
            self._end(part, file)
            part, file = self._begin(request)
        self._written(file, line)
        self._open[key] = (replace(part, requests=part.requests + 1), file)

    def close(self) -> None:
        """Bring all files to the disk."""
        for part, file in self._open.values():
            self._end(part, file)
        self._open.clear()

    def _begin(self, request: Request) -> tuple[Part, BinaryIO]:
        part = Part(self.next_number, request.model, request.endpoint, 0)
        self.next_number += 1
        path = self.folder / part.input_name
        try:
            return part, path.open("wb")
        except OSError as error:
            raise RunFolderError(f"{path}: cannot be written ({error.strerror})") from error

    def _written(self, file: BinaryIO, line: bytes) -> None:
        try:
            file.write(line)
        except OSError as error:
            raise RunFolderError(f"{file.name}: cannot be written ({error.strerror})") from error

    def _end(self, part: Part, file: BinaryIO) -> None:
        try:
            file.flush()
            os.fsync(file.fileno())
            file.close()
        except OSError as error:
            raise RunFolderError(f"{file.name}: cannot be written ({error.strerror})") from error
        self.parts.append(part)
