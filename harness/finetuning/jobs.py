"""Tuning jobs, whoever runs them: start one, follow it, take it up again.

A service is whatever has jobs with OpenAI's shape. The embedded model's is here, a server's in
``api.py``; what a job made is read in ``exports.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from harness.errors import DatasetError, ProviderError
from harness.finetuning.exports import JobExport, Json, TuningResult, result_of
from harness.finetuning.validation import as_chats

if TYPE_CHECKING:
    from harness.embedded.workshop import Workshop

FINISHED = ("succeeded", "failed", "cancelled")
HYPERPARAMETERS = {
    "n_epochs": "epochs",
    "batch_size": "batch_size",
    "learning_rate_multiplier": "learning_rate_multiplier",
}
"""The API's name -> the request's field."""


@dataclass(frozen=True, slots=True)
class TuningRequest:
    """What to tune, on what, and how; None leaves a choice to the service."""

    base: str
    training: Path
    validation: Path | None = None
    epochs: int | None = None
    seed: int | None = None
    batch_size: int | None = None
    learning_rate_multiplier: float | None = None
    suffix: str | None = None

    def body(self, training_file: str, validation_file: str | None) -> dict[str, Any]:
        """The JSON body that creates the job, once its files are uploaded."""
        hyperparameters = {
            name: value
            for name, field in HYPERPARAMETERS.items()
            if (value := getattr(self, field)) is not None
        }
        fields = {
            "model": self.base,
            "training_file": training_file,
            "validation_file": validation_file,
            "seed": self.seed,
            "suffix": self.suffix,
            "method": {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}},
        }
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class TuningProgress:
    """One event of a job: a sentence, and for a training step its place and losses."""

    message: str
    level: str = "info"
    step: int | None = None
    total_steps: int | None = None
    train_loss: float | None = None
    valid_loss: float | None = None


class TuningService(Protocol):
    """Where jobs run."""

    def start(self, request: TuningRequest) -> str:
        """Upload the files, create the job, and return its id.

        Raises:
            DatasetError: a file cannot be read.
            ProviderError: the service does not take the job, or does not answer.
        """
        ...

    def follow(self, job_id: str) -> Iterator[TuningProgress]:
        """Yield a job's events from its first on, as they come, until it has finished.

        The job does not depend on its followers: stop at any time, and follow again later.
        """
        ...

    def export(self, job_id: str) -> JobExport:
        """Return all that the service knows of a job."""
        ...

    def cancel(self, job_id: str) -> None:
        """Stop a job; its checkpoints so far stay."""
        ...


def tune(
    service: TuningService,
    request: TuningRequest,
    watch: Callable[[TuningProgress], None] = lambda progress: None,
    *,
    started: Callable[[str], None] = lambda job_id: None,
    job_id: str | None = None,
) -> TuningResult:
    """Run a job from start to end, or take up the one with this id.

    ``started`` is told the id of a new job before anything else happens, so that nobody has to
    start it twice.

    Raises:
        ProviderError: it did not succeed.
    """
    if job_id is None:
        job_id = service.start(request)
        started(job_id)
    for progress in service.follow(job_id):
        watch(progress)
    result = result_of(service.export(job_id), f"job {job_id}")
    if result.status != "succeeded":
        reason = result.error or "no reason is given"
        path = file_meant(request, reason)
        raise ProviderError(f"{path}: job {job_id} ended as {result.status}: {reason}")
    return result


def progress_of(event: Json) -> TuningProgress:
    """Return an event as progress."""
    data = event.get("data") if isinstance(event.get("data"), Mapping) else {}
    data = data or {}
    valid = data.get("full_valid_loss")
    return TuningProgress(
        message=str(event.get("message") or ""),
        level=str(event.get("level") or "info"),
        step=data.get("step"),
        total_steps=data.get("total_steps"),
        train_loss=data.get("train_loss"),
        valid_loss=data.get("valid_loss") if valid is None else valid,
    )


# --- the embedded model --------------------------------------------------------------


class EmbeddedTuning:
    """Jobs on a workshop in this process; they end with it."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    def start(self, request: TuningRequest) -> str:
        """Give the workshop the files and the job; the embedded model trains them in order."""
        training = self._uploaded(request.training, file_bytes(request.training))
        validation = None
        if request.validation is not None:
            validation = self._uploaded(request.validation, validation_bytes(request.validation))
        job = self._workshop.jobs.create(request.body(training, validation))
        return str(job["id"])

    def follow(self, job_id: str) -> Iterator[TuningProgress]:
        """Yield the job's events until it has finished."""
        seen = 0
        while True:
            finished = self._workshop.jobs.job(job_id)["status"] in FINISHED
            events = self._workshop.jobs.events(job_id)
            yield from map(progress_of, events[seen:])
            seen = len(events)
            if finished:
                return
            self._workshop.jobs.wait(job_id, events=seen, timeout_s=1.0)

    def export(self, job_id: str) -> JobExport:
        """Return the job's objects."""
        jobs = self._workshop.jobs
        return JobExport(jobs.job(job_id), jobs.events(job_id), jobs.checkpoints(job_id))

    def cancel(self, job_id: str) -> None:
        """Stop the job, unless it has finished."""
        if self._workshop.jobs.job(job_id)["status"] not in FINISHED:
            self._workshop.jobs.cancel(job_id)

    def save(self, folder: Path, models: Iterable[str]) -> None:
        """Write tuned models into a folder, for a later process."""
        self._workshop.models.save(folder, models)

    def load(self, folder: Path) -> list[str]:
        """Take over the models of a folder, and return their names.

        Raises:
            UsageError: the folder holds no such models.
        """
        return self._workshop.models.load(folder)

    def _uploaded(self, path: Path, data: bytes) -> str:
        return self._workshop.files.upload(path.name, "fine-tune", data).id


def file_bytes(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        DatasetError: it cannot be read, or is empty.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}; give a JSONL file of chats") from error
    if not data.strip():
        raise DatasetError(f"{path}: the file is empty; give a JSONL file of chats")
    return data


def validation_bytes(path: Path) -> bytes:
    """A validation file's chats; samples of an eval become chats with their first ideal answer.

    Raises:
        DatasetError: it cannot be read, is empty, or holds a sample without an answer.
    """
    return as_chats(file_bytes(path), path)


def file_meant(request: TuningRequest, reason: str) -> Path:
    """The file that a job's failure is about; the service knows it by an id only."""
    if request.validation is not None and "validation file" in reason.lower():
        return request.validation
    return request.training
