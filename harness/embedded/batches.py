"""Batches: files of requests that are answered in order, one after the other, in a thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from threading import RLock
from typing import Any, Literal

import orjson

from harness.embedded import batch_files
from harness.embedded.batch_files import Fault, FaultyFile, Line, read_lines
from harness.embedded.bodies import BatchBody, read_body
from harness.embedded.files import Files, StoredFile
from harness.embedded.listing import Json, new_id
from harness.embedded.refusals import Refusal, UnknownObject
from harness.embedded.worker import Worker

Status = Literal[
    "validating",
    "failed",
    "in_progress",
    "finalizing",
    "completed",
    "expired",
    "cancelling",
    "cancelled",
]
ENDED: tuple[Status, ...] = ("failed", "completed", "expired", "cancelled")
STAMPED: tuple[Status, ...] = ("in_progress", "finalizing", "cancelling", *ENDED)
"""The states whose beginning the API tells, in a field such as ``completed_at``."""

WINDOW_S = 24 * 3600
EXPIRED = ("batch_expired", "This request was not reached before the completion window ended.")
CANCELLED = ("batch_cancelled", "This request was not reached before the batch was cancelled.")

Answer = Callable[[Mapping[str, Any]], Json]


@dataclass(slots=True)
class Batch:
    """A batch's state. Its owner guards it with a lock; nothing here waits or computes."""

    body: BatchBody
    clock: Callable[[], float]
    id: str = field(default_factory=lambda: new_id("batch_"))
    created_at: int = 0
    status: Status = "validating"
    stamps: dict[str, int] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    model: str | None = None
    counts: Counter[str] = field(default_factory=Counter)
    output_file_id: str | None = None
    error_file_id: str | None = None

    def __post_init__(self) -> None:
        self.created_at = int(self.clock())

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in ENDED

    @property
    def expires_at(self) -> int:
        """When the completion window ends."""
        return self.created_at + WINDOW_S

    def become(self, status: Status) -> None:
        """Enter a state, and note when."""
        self.status = status
        self.stamps[f"{status}_at"] = int(self.clock())

    @property
    def json(self) -> Json:
        """The API's batch object."""
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.body.endpoint,
            "model": self.model,
            "errors": self._errors,
            "input_file_id": self.body.input_file_id,
            "completion_window": self.body.completion_window,
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            **{f"{status}_at": self.stamps.get(f"{status}_at") for status in STAMPED},
            "request_counts": {
                name: self.counts[name] for name in ("total", "completed", "failed")
            },
            "metadata": self.body.metadata,
        }

    @property
    def _errors(self) -> Json | None:
        if not self.faults:
            return None
        return {"object": "list", "data": [fault.json for fault in self.faults]}


class Batches:
    """Batches by id; safe to use from several threads.

    ``answers`` says who answers the requests to an endpoint.
    """

    def __init__(
        self, files: Files, answers: Mapping[str, Answer], clock: Callable[[], float]
    ) -> None:
        self._files = files
        self._answers = answers
        self._clock = clock
        self._batches: dict[str, Batch] = {}
        self._lock = RLock()
        self._worker = Worker(self._answer)
        self._closed = False

    # --- what a client asks ----------------------------------------------------------

    def create(self, body: Mapping[str, Any]) -> Json:
        """Create a batch, and return it as it was before its file was checked.

        Raises:
            Refusal: a parameter is wrong, or names a file that is not here.
        """
        asked = read_body(BatchBody, body)
        stored = self._input_file(asked.input_file_id)
        if asked.endpoint not in self._answers:
            raise Refusal(
                f"Invalid 'endpoint': '{asked.endpoint}' is not one of {', '.join(self._answers)}",
                param="endpoint",
                code="invalid_value",
            )
        batch = Batch(asked, self._clock)
        created = batch.json
        with self._lock:
            self._batches[batch.id] = batch
        self._worker.give((batch, stored.data))
        return created

    def batch(self, id: str) -> Json:
        """Return a batch.

        Raises:
            UnknownObject: no batch has this id.
        """
        with self._lock:
            return self._found(id).json

    def newest_first(self) -> list[Json]:
        """Return the batches."""
        with self._lock:
            return [batch.json for batch in reversed(self._batches.values())]

    def cancel(self, id: str) -> Json:
        """Stop a batch that has not ended; what it answered so far is kept.

        Raises:
            Refusal: it has ended.
        """
        with self._lock:
            batch = self._found(id)
            if batch.ended:
                raise Refusal(f"Cannot cancel a batch with status '{batch.status}'.", status=409)
            if batch.status != "cancelling":
                batch.become("cancelling")
            return batch.json

    def close(self) -> None:
        """Stop between two requests, and end the thread."""
        self._closed = True
        self._worker.close()

    def _found(self, id: str) -> Batch:
        if id not in self._batches:
            raise UnknownObject("Batch", id)
        return self._batches[id]

    def _input_file(self, id: str) -> StoredFile:
        try:
            stored = self._files.find(id)
        except UnknownObject:
            raise Refusal(f"input_file_id '{id}' does not exist.", param="input_file_id") from None
        if stored.purpose != "batch":
            raise Refusal(
                f"input_file_id '{id}' has purpose '{stored.purpose}'; upload it with 'batch'",
                param="input_file_id",
            )
        return stored

    # --- answering -------------------------------------------------------------------

    def _answer(self, task: tuple[Batch, bytes]) -> None:
        batch, data = task
        if self._closed:
            return
        try:
            self._run(batch, data)
        except Exception as error:  # noqa: BLE001 - else the batch would run for ever
            self._fail(batch, [Fault("server_error", f"{type(error).__name__}: {error}")])

    def _run(self, batch: Batch, data: bytes) -> None:
        try:
            lines = self.checked(batch, data)
        except FaultyFile as error:
            self._fail(batch, error.faults)
            return
        with self._lock:
            batch.counts["total"] = len(lines)
            batch.model = str(lines[0].body.get("model"))
            if batch.status == "validating":
                batch.become("in_progress")
        results = [self._counted(batch, line) for line in lines]
        if not self._closed:
            self._finish(batch, results)

    def checked(self, batch: Batch, data: bytes) -> tuple[Line, ...]:
        """Return the requests of a batch's file.

        Raises:
            FaultyFile: it is not processed at all.
        """
        return read_lines(data, batch.body.endpoint)

    def _counted(self, batch: Batch, line: Line) -> Json:
        """One request's result; those of a batch that is over are not tried."""
        if self._closed or batch.status == "cancelling":
            return batch_files.not_reached(line.custom_id, *CANCELLED)
        if self.is_over(batch):
            return batch_files.not_reached(line.custom_id, *EXPIRED)
        result = self.result(batch, line)
        with self._lock:
            batch.counts["completed" if batch_files.is_answer(result) else "failed"] += 1
        return result

    def is_over(self, batch: Batch) -> bool:
        """Whether the completion window has ended."""
        return self._clock() >= batch.expires_at

    def result(self, batch: Batch, line: Line) -> Json:
        """Answer one request."""
        try:
            body = self._answers[batch.body.endpoint](line.body)
        except Refusal as refusal:
            return batch_files.refused(line.custom_id, refusal)
        return batch_files.answered(line.custom_id, body)

    def _finish(self, batch: Batch, results: Sequence[Json]) -> None:
        with self._lock:
            cancelled = batch.status == "cancelling"
            if not cancelled:
                batch.become("finalizing")
        shuffled = Random(batch.id).sample(results, len(results))
        output = [result for result in shuffled if batch_files.is_answer(result)]
        errors = [result for result in shuffled if not batch_files.is_answer(result)]
        codes = {(result["error"] or {}).get("code") for result in errors}
        with self._lock:
            batch.output_file_id = self._kept(batch, "output", output)
            batch.error_file_id = self._kept(batch, "error", errors)
            if cancelled:
                batch.become("cancelled")
            else:
                batch.become("expired" if EXPIRED[0] in codes else "completed")

    def _kept(self, batch: Batch, kind: str, results: Sequence[Json]) -> str | None:
        if not results:
            return None
        name = f"{batch.id}_{kind}.jsonl"
        return self._files.keep(name, "batch_output", self.encoded(results)).id

    def encoded(self, results: Sequence[Json]) -> bytes:
        """Return the bytes of a result file."""
        return b"".join(orjson.dumps(r, option=orjson.OPT_APPEND_NEWLINE) for r in results)

    def _fail(self, batch: Batch, faults: Sequence[Fault]) -> None:
        with self._lock:
            batch.faults = tuple(faults)
            batch.become("failed")
