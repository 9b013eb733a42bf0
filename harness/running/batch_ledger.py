"""The ledger of a run's batches: what was sent, under which ids, and which results lie where.

It is append-only and on the disk before the step that it announces, so that whoever goes on
after a death knows what may be at the server already.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import orjson

from harness.errors import RunFolderError
from harness.records import Endpoint

FORMAT = 1
FOLDER = "batches"
LEDGER = "state.jsonl"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of requests to one model, and the batch that answers it.

    ``file`` is its id at the server; ``ended`` the batch's last state, once there is one;
    ``results`` the names of the result files in the ledger's folder.
    """

    number: int
    model: str
    endpoint: Endpoint
    requests: int
    file: str | None = None
    batch: str | None = None
    ended: str | None = None
    results: tuple[str, ...] = ()

    @property
    def input_name(self) -> str:
        """The name of its requests in the ledger's folder."""
        return f"requests-{self.number:04}.jsonl"


@dataclass(eq=False)
class Ledger:
    """The batches of one run. Only the holder of the run's journal may change it.

    ``token`` is this ledger's own: the names of its files at the server begin with it.
    """

    path: Path
    token: str
    parts: dict[int, Part] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where requests and results lie."""
        return self.path.parent

    @classmethod
    def open(cls, folder: Path) -> Ledger:
        """Open a run's ledger in ``folder``, or begin one.

        Raises:
            RunFolderError: it cannot be read or written.
        """
        path = folder / LEDGER
        if path.exists() and path.stat().st_size:
            ledger = cls.read(folder)
            if ledger is not None:
                ledger._repair()
                return ledger
        ledger = cls(path, uuid4().hex)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        except OSError as error:
            raise ledger._stuck(error) from error
        ledger._write({"batches": FORMAT, "token": ledger.token})
        return ledger

    @classmethod
    def read(cls, folder: Path) -> Ledger | None:
        """The ledger in ``folder``; None where nothing was ever sent.

        Raises:
            RunFolderError: a line of it is broken.
        """
        path = folder / LEDGER
        lines = list(_lines(path)) if path.exists() else []
        if not lines:
            return None
        if lines[0].get("batches") != FORMAT:
            raise RunFolderError(f"{path}: is no ledger of this version; choose another --out")
        ledger = cls(path, str(lines[0]["token"]))
        for line in lines[1:]:
            ledger._replay(line)
        return ledger

    @property
    def under_way(self) -> list[Part]:
        """The parts whose results are still to come."""
        return [part for part in self.parts.values() if part.ended is None]

    @property
    def sent(self) -> list[Part]:
        """The parts under way that the server knows, or may know."""
        return [part for part in self.under_way if part.file is not None]

    def add(self, part: Part) -> None:
        """Note a new part; its requests are on the disk."""
        self._write(_plain(part))
        self.parts[part.number] = part

    def note(self, number: int, **found: Any) -> Part:
        """Note what is now known of a part, and return it."""
        self._write({"number": number, **found})
        self.parts[number] = replace(self.parts[number], **found)
        return self.parts[number]

    def _replay(self, line: Mapping[str, Any]) -> None:
        try:
            known = {name: _tuple(value) for name, value in line.items()}
            number = known["number"]
            if number in self.parts:
                self.parts[number] = replace(self.parts[number], **known)
            else:
                self.parts[number] = Part(**known)
        except (KeyError, TypeError) as error:
            raise RunFolderError(
                f"{self.path}: a line is broken; remove the folder {self.folder} to send the "
                "requests anew"
            ) from error

    def _repair(self) -> None:
        """Cut a torn last line."""
        whole = self.path.read_bytes().rfind(b"\n") + 1
        os.truncate(self.path, whole)

    def _write(self, line: Mapping[str, Any]) -> None:
        """Append a line and bring it to the disk."""
        try:
            with self.path.open("ab") as file:
                file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._stuck(error) from error

    def _stuck(self, error: OSError) -> RunFolderError:
        return RunFolderError(
            f"{self.path}: cannot be written ({error.strerror}); make room, then --resume"
        )


def _plain(part: Part) -> dict[str, Any]:
    """A part's fields that say something."""
    values = {one.name: getattr(part, one.name) for one in fields(part)}
    return {name: value for name, value in values.items() if value not in (None, ())}


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """The whole lines; a torn last one was never acted on."""
    for raw in path.read_bytes().splitlines(keepends=True):
        if raw.endswith(b"\n"):
            try:
                yield cast("Mapping[str, Any]", orjson.loads(raw))
            except orjson.JSONDecodeError as error:
                raise RunFolderError(f"{path}: a line is broken; see {path.parent}") from error
