"""The trainer: takes fine-tuning jobs, and trains them in order on one thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any

from harness.embedded.bodies import JobBody, read_body
from harness.embedded.files import Files, StoredFile
from harness.embedded.jobs import Job, steps_with_epochs
from harness.embedded.listing import Json
from harness.embedded.models import Model, Models
from harness.embedded.recipes import Recipe, recipe_of
from harness.embedded.refusals import Refusal, UnknownObject
from harness.embedded.tokenizer import Tokenizer
from harness.embedded.training import EpochReport, StepReport, finetune
from harness.embedded.training_files import Example, read_examples
from harness.embedded.worker import Worker


@dataclass(frozen=True, slots=True)
class Work:
    """A job whose files are good: what to train on, and how."""

    job: Job
    recipe: Recipe
    examples: Sequence[Example]
    validation: Sequence[Example]


class Trainer:
    """Fine-tuning jobs by id; safe to use from several threads."""

    def __init__(self, models: Models, files: Files, clock: Callable[[], float]) -> None:
        self._models = models
        self._files = files
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._lock = Lock()
        self._waiting: list[SimpleQueue[None]] = []
        self._worker = Worker(self._train)

    # --- what a client asks ----------------------------------------------------------

    def create(self, body: Mapping[str, Any]) -> Json:
        """Create a job, and return it as it was before its files were checked.

        Raises:
            Refusal: a parameter is wrong, or names a model or file that is not here.
        """
        asked = read_body(JobBody, body)
        base = self._models.find(asked.model)
        training = self._tuning_file(asked.training_file, "training_file")
        validation = asked.validation_file and self._tuning_file(
            asked.validation_file, "validation_file"
        )
        job = Job(asked, self._clock)
        created = job.json
        with self._lock:
            self._jobs[job.id] = job
        self._admit(job, base, training.data, validation.data if validation else None)
        return created

    def newest_first(self) -> list[Json]:
        """Return the jobs."""
        with self._lock:
            return [job.json for job in reversed(self._jobs.values())]

    def job(self, id: str) -> Json:
        """Return a job.

        Raises:
            UnknownObject: no job has this id.
        """
        with self._lock:
            return self._found(id).json

    def events(self, id: str) -> list[Json]:
        """Return a job's events, oldest first."""
        with self._lock:
            return list(self._found(id).events)

    def checkpoints(self, id: str) -> list[Json]:
        """Return a job's checkpoints, oldest first; all are kept, one an epoch."""
        with self._lock:
            return list(self._found(id).checkpoints)

    def cancel(self, id: str) -> Json:
        """Cancel a job that is queued or running, and return it.

        Raises:
            Refusal: it has finished.
        """
        with self._lock:
            job = self._found(id)
            if job.finished:
                raise Refusal(f"Job {id} has already {job.status} and cannot be cancelled.")
            job.cancel()
            self._tell_who_waits()
            return job.json

    def wait(self, id: str, events: int, timeout_s: float) -> None:
        """Wait until a job has more than so many events, or has finished."""
        end = time.monotonic() + timeout_s
        bell: SimpleQueue[None] = SimpleQueue()
        with self._lock:
            job = self._found(id)
            self._waiting.append(bell)
        try:
            while len(job.events) <= events and not job.finished:
                bell.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            return
        finally:
            with self._lock:
                self._waiting.remove(bell)

    def close(self) -> None:
        """Cancel what is queued or running, and end the thread."""
        with self._lock:
            for job in self._jobs.values():
                if not job.finished:
                    job.cancel()
            self._tell_who_waits()
        self._worker.close()

    def _found(self, id: str) -> Job:
        if id not in self._jobs:
            raise UnknownObject("FineTuningJob", id)
        return self._jobs[id]

    def _tell_who_waits(self) -> None:
        """To be called with the lock held."""
        for bell in self._waiting:
            bell.put(None)

    # --- admission -------------------------------------------------------------------

    def _tuning_file(self, id: str, param: str) -> StoredFile:
        try:
            stored = self._files.find(id)
        except UnknownObject:
            raise Refusal(f"{param} '{id}' does not exist.", param=param) from None
        if stored.purpose != "fine-tune":
            raise Refusal(
                f"{param} '{id}' has purpose '{stored.purpose}'; upload it with 'fine-tune'",
                param=param,
            )
        return stored

    def _admit(self, job: Job, base: Model, training: bytes, validation: bytes | None) -> None:
        """Check a new job's files, then queue or fail it."""
        try:
            examples = read_examples(training, "training_file")
            held_out = read_examples(validation, "validation_file") if validation else []
        except Refusal as refusal:
            with self._lock:
                job.fail(str(refusal), refusal.code or "invalid_file", refusal.param)
                self._tell_who_waits()
            return
        recipe = recipe_of(job.body, base, training, validation, examples)
        warnings = length_warnings(examples, self._models.tokenizer, base.network.config.context)
        with self._lock:
            job.queue(recipe, warnings)
            self._tell_who_waits()
        self._worker.give(Work(job, recipe, examples, held_out))

    # --- training --------------------------------------------------------------------

    def _train(self, work: Work) -> None:
        try:
            self._run(work)
        except Exception as error:  # noqa: BLE001 - else the job would run for ever
            with self._lock:
                work.job.fail(f"{type(error).__name__}: {error}", "training_failed")
                self._tell_who_waits()

    def _run(self, work: Work) -> None:
        with self._lock:
            if work.job.finished:
                return
            work.job.start()
        base = work.recipe.base.network
        reports = finetune(
            base,
            self._models.tokenizer,
            work.examples,
            work.recipe.hyperparameters,
            work.validation,
        )
        for step, epoch in steps_with_epochs(reports):
            if not self._record(work, step, epoch):
                return
        self._finish(work)

    def _record(self, work: Work, step: StepReport, epoch: EpochReport | None) -> bool:
        """Note a step and publish the checkpoint of an epoch; False when the job was cancelled."""
        with self._lock:
            if work.job.finished:
                return False
            if epoch is not None:
                name = work.recipe.checkpoint(epoch.epoch, epoch.step)
                self._models.publish(name, epoch.network)
            work.job.step(step, epoch)
            self._tell_who_waits()
            return True

    def _finish(self, work: Work) -> None:
        tokens = trained_tokens(work, self._models.tokenizer)
        with self._lock:
            if work.job.finished:
                return
            data = work.job.result_csv.encode()
            result = self._files.keep("step_metrics.csv", "fine-tune-results", data)
            work.job.succeed(tokens, result.id)
            self._tell_who_waits()


def trained_tokens(work: Work, tokenizer: Tokenizer) -> int:
    """Return the tokens of all examples that fit the context, times the epochs."""
    context = work.recipe.base.network.config.context
    lengths = (len(tokenizer.chat(example)[0]) for example in work.examples)
    return work.recipe.epochs * sum(min(length, context) for length in lengths)


def length_warnings(
    examples: Sequence[Example], tokenizer: Tokenizer, context: int
) -> tuple[str, ...]:
    """Return what to tell about examples that are longer than the context."""
    long = sum(len(tokenizer.chat(example)[0]) > context for example in examples)
    if not long:
        return ()
    return (f"{long} example(s) are longer than {context} tokens and are cut to that length",)
