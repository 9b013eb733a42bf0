"""The trainer: takes fine-tuning jobs, and trains them in order on one thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Condition, Thread
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
        self._changed = Condition()
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._thread: Thread | None = None

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
        with self._changed:
            self._jobs[job.id] = job
        self._admit(job, base, training.data, validation.data if validation else None)
        return created

    def newest_first(self) -> list[Json]:
        """Return the jobs."""
        with self._changed:
            return [job.json for job in reversed(self._jobs.values())]

    def job(self, id: str) -> Json:
        """Return a job.

        Raises:
            UnknownObject: no job has this id.
        """
        with self._reading(id) as job:
            return job.json

    def events(self, id: str) -> list[Json]:
        """Return a job's events, oldest first."""
        with self._reading(id) as job:
            return list(job.events)

    def checkpoints(self, id: str) -> list[Json]:
        """Return a job's checkpoints, oldest first; all are kept, one an epoch."""
        with self._reading(id) as job:
            return list(job.checkpoints)

    def cancel(self, id: str) -> Json:
        """Cancel a job that is queued or running, and return it.

        Raises:
            Refusal: it has finished.
        """
        with self._reading(id) as job:
            if job.finished:
                raise Refusal(f"Job {id} has already {job.status} and cannot be cancelled.")
            job.cancel()
            self._changed.notify_all()
            return job.json

    def wait(self, id: str, events: int, timeout_s: float) -> None:
        """Wait until a job has more than so many events, or has finished."""
        with self._reading(id) as job:
            self._changed.wait_for(lambda: len(job.events) > events or job.finished, timeout_s)

    def close(self) -> None:
        """Cancel what is queued or running, and end the thread."""
        with self._changed:
            for job in self._jobs.values():
                if not job.finished:
                    job.cancel()
            self._changed.notify_all()
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join()

    @contextmanager
    def _reading(self, id: str) -> Iterator[Job]:
        with self._changed:
            if id not in self._jobs:
                raise UnknownObject("FineTuningJob", id)
            yield self._jobs[id]

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
            with self._changed:
                job.fail(str(refusal), refusal.code or "invalid_file", refusal.param)
                self._changed.notify_all()
            return
        recipe = recipe_of(job.body, base, training, validation, examples)
        warnings = length_warnings(examples, self._models.tokenizer, base.network.config.context)
        with self._changed:
            job.queue(recipe, warnings)
            self._changed.notify_all()
            self._queue.put(Work(job, recipe, examples, held_out))
            self._start_thread()

    # --- training --------------------------------------------------------------------

    def _start_thread(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._train_in_order, name="trainer", daemon=True)
            self._thread.start()

    def _train_in_order(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                self._train(work)
            except Exception as error:  # noqa: BLE001 - else the job would run for ever
                with self._changed:
                    work.job.fail(f"{type(error).__name__}: {error}", "training_failed")
                    self._changed.notify_all()

    def _train(self, work: Work) -> None:
        with self._changed:
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
        with self._changed:
            if work.job.finished:
                return False
            if epoch is not None:
                name = work.recipe.checkpoint(epoch.epoch, epoch.step)
                self._models.publish(name, epoch.network)
            work.job.step(step, epoch)
            self._changed.notify_all()
            return True

    def _finish(self, work: Work) -> None:
        tokens = trained_tokens(work, self._models.tokenizer)
        with self._changed:
            if work.job.finished:
                return
            data = work.job.result_csv.encode()
            result = self._files.keep("step_metrics.csv", "fine-tune-results", data)
            work.job.succeed(tokens, result.id)
            self._changed.notify_all()


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
