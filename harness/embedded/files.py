"""The files that were uploaded or that tuning wrote, held in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from harness.embedded.listing import Json, new_id
from harness.embedded.refusals import Refusal, UnknownObject

PURPOSES = ("fine-tune", "batch", "assistants", "vision", "user_data", "evals")
"""What the hosted API lets a client upload."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file's bytes and what the API says about it."""

    id: str
    filename: str
    purpose: str
    created_at: int
    data: bytes

    @property
    def json(self) -> Json:
        """The API's file object."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.data),
            "created_at": self.created_at,
            "expires_at": None,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


class Files:
    """Files by id; safe to use from several threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._files: dict[str, StoredFile] = {}
        self._lock = Lock()

    def upload(self, filename: str, purpose: str, data: bytes) -> StoredFile:
        """Keep a client's file.

        Raises:
            Refusal: the purpose is not one that clients may upload for, or the file is empty.
        """
        if purpose not in PURPOSES:
            raise Refusal(
                f"Invalid 'purpose': '{purpose}' is not one of {', '.join(PURPOSES)}",
                param="purpose",
                code="invalid_value",
            )
        if not data:
            raise Refusal("The file is empty.", param="file", code="invalid_value")
        return self.keep(filename, purpose, data)

    def keep(self, filename: str, purpose: str, data: bytes) -> StoredFile:
        """Keep a file of any purpose."""
        stored = StoredFile(new_id("file-"), filename, purpose, int(self._clock()), data)
        with self._lock:
            self._files[stored.id] = stored
        return stored

    def find(self, id: str) -> StoredFile:
        """Return a file.

        Raises:
            UnknownObject: no file has this id.
        """
        with self._lock:
            stored = self._files.get(id)
        if stored is None:
            raise UnknownObject("File", id)
        return stored

    def newest_first(self, purpose: str | None = None) -> list[StoredFile]:
        """Return the files, of one purpose if it is given."""
        with self._lock:
            stored = list(self._files.values())
        return [file for file in reversed(stored) if purpose in (None, file.purpose)]

    def delete(self, id: str) -> None:
        """Forget a file; jobs that were created with it keep its content."""
        self.find(id)
        with self._lock:
            self._files.pop(id, None)
