"""Fine-tuning jobs: one object a job, its events and checkpoints, in the hosted API's shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.embedded.bodies import JobBody
from harness.embedded.listing import Json, new_id
from harness.embedded.recipes import DEFAULT_SEED, Recipe, asked_hyperparameters
from harness.embedded.training import EpochReport, StepReport

Status = Literal["validating_files", "queued", "running", "succeeded", "failed", "cancelled"]
Level = Literal["info", "warn", "error"]
FINISHED: tuple[Status, ...] = ("succeeded", "failed", "cancelled")

CSV_COLUMNS = {
    "step": "step",
    "train_loss": "train_loss",
    "train_accuracy": "train_mean_token_accuracy",
    "valid_loss": "valid_loss",
    "valid_mean_token_accuracy": "valid_mean_token_accuracy",
}
"""The result file's columns -> the metrics behind them."""


@dataclass(slots=True)
class Job:
    """A job's state. Its owner guards it with a lock; nothing here waits or computes."""

    body: JobBody
    clock: Callable[[], float]
    id: str = field(default_factory=lambda: new_id("ftjob-"))
    created_at: int = 0
    recipe: Recipe | None = None
    status: Status = "validating_files"
    finished_at: int | None = None
    error: Json | None = None
    trained_tokens: int | None = None
    result_files: list[str] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    checkpoints: list[Json] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.created_at = self.now
        self.tell(f"Created fine-tuning job: {self.id}")
        self.tell(f"Validating training file: {self.body.training_file}")

    @property
    def now(self) -> int:
        """The time in whole seconds, as the API gives it."""
        return int(self.clock())

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in FINISHED

    @property
    def json(self) -> Json:
        """The API's job object."""
        asked = asked_hyperparameters(self.body).json_form
        hyperparameters = self.recipe.json if self.recipe else asked
        return {
            "object": "fine_tuning.job",
            "id": self.id,
            "model": self.body.model,
            "created_at": self.created_at,
            "finished_at": self.finished_at,
            "fine_tuned_model": self.fine_tuned_model,
            "organization_id": "embedded",
            "result_files": list(self.result_files),
            "status": self.status,
            "validation_file": self.body.validation_file,
            "training_file": self.body.training_file,
            "hyperparameters": hyperparameters,
            "trained_tokens": self.trained_tokens,
            "error": self.error,
            "integrations": [],
            "seed": self.body.seed or DEFAULT_SEED,
            "estimated_finish": None,
            "method": {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}},
            "metadata": self.body.metadata,
        }

    @property
    def fine_tuned_model(self) -> str | None:
        """The tuned model's name, once there is one."""
        return self.recipe.model if self.recipe and self.status == "succeeded" else None

    # --- its life, in order ----------------------------------------------------------

    def queue(self, recipe: Recipe, warnings: Sequence[str]) -> None:
        """The files are good: the job waits for its turn."""
        self.recipe, self.status = recipe, "queued"
        for warning in warnings:
            self.tell(warning, level="warn")
        self.tell("Files validated, moving job to queued state")

    def start(self) -> None:
        """Training begins."""
        self.status = "running"
        self.tell("Fine-tuning job started")

    def step(self, report: StepReport, epoch: EpochReport | None) -> None:
        """One optimiser step, with the epoch that it ended, if any."""
        data = step_metrics(report, epoch)
        self.tell(step_sentence(data), data=data)
        if epoch is not None and self.recipe is not None:
            name = self.recipe.checkpoint(epoch.epoch, epoch.step)
            self.checkpoints.append(self.checkpoint(name, epoch))
            self.tell(f"Checkpoint created at step {epoch.step}: {name}")

    def succeed(self, trained_tokens: int, result_file: str) -> None:
        """Training came to its end."""
        self.trained_tokens, self.result_files = trained_tokens, [result_file]
        self.finish("succeeded", "The job has successfully completed")

    def fail(self, message: str, code: str, param: str | None = None) -> None:
        """The job cannot go on."""
        self.error = {"code": code, "message": message, "param": param}
        self.finish("failed", f"Fine-tuning job failed: {message}", level="error")

    def cancel(self) -> None:
        """Someone stopped the job; its checkpoints so far stay."""
        self.finish("cancelled", "Fine-tuning job was cancelled")

    def finish(self, status: Status, message: str, level: Level = "info") -> None:
        """Nothing more will happen."""
        self.status, self.finished_at = status, self.now
        self.tell(message, level=level)

    # --- what it leaves --------------------------------------------------------------

    def tell(self, message: str, *, level: Level = "info", data: Json | None = None) -> None:
        """Add an event; one with data is of type metrics."""
        self.events.append(
            {
                "object": "fine_tuning.job.event",
                "id": new_id("ftevent-"),
                "created_at": self.now,
                "level": level,
                "message": message,
                "data": data,
                "type": "message" if data is None else "metrics",
            }
        )

    def checkpoint(self, name: str, epoch: EpochReport) -> Json:
        """The API's checkpoint object; its training metrics are means over the epoch."""
        metrics = {
            "step": epoch.step,
            "train_loss": epoch.train_loss,
            "train_mean_token_accuracy": epoch.train_token_accuracy,
            **validation_metrics(epoch),
        }
        return {
            "object": "fine_tuning.job.checkpoint",
            "id": new_id("ftckpt_"),
            "created_at": self.now,
            "fine_tuned_model_checkpoint": name,
            "fine_tuning_job_id": self.id,
            "metrics": {key: value for key, value in metrics.items() if value is not None},
            "step_number": epoch.step,
        }

    @property
    def result_csv(self) -> str:
        """The step metrics as the result file has them; unmeasured cells are blank."""
        steps = (event["data"] for event in self.events if event["type"] == "metrics")
        rows = [",".join(cell(data.get(key)) for key in CSV_COLUMNS.values()) for data in steps]
        return "\n".join([",".join(CSV_COLUMNS), *rows]) + "\n"


def steps_with_epochs(
    reports: Iterator[StepReport | EpochReport],
) -> Iterator[tuple[StepReport, EpochReport | None]]:
    """Yield every step, together with the epoch's report when the step was its last."""
    waiting: StepReport | None = None
    for report in reports:
        if isinstance(report, EpochReport):
            if waiting is not None:
                yield waiting, report
            waiting = None
            continue
        if waiting is not None:
            yield waiting, None
        waiting = report


def step_metrics(report: StepReport, epoch: EpochReport | None) -> Json:
    """Return a step's metrics; the validation set is measured whole, at the end of an epoch."""
    return {
        "step": report.step,
        "total_steps": report.total_steps,
        "train_loss": report.train_loss,
        "train_mean_token_accuracy": report.train_token_accuracy,
        **validation_metrics(epoch),
    }


def validation_metrics(epoch: EpochReport | None) -> Json:
    """Return the API's four validation metrics, None where nothing was measured."""
    loss = epoch.valid_loss if epoch else None
    accuracy = epoch.valid_token_accuracy if epoch else None
    return {
        "valid_loss": loss,
        "valid_mean_token_accuracy": accuracy,
        "full_valid_loss": loss,
        "full_valid_mean_token_accuracy": accuracy,
    }


def step_sentence(data: Json) -> str:
    """Return what a metrics event says to people."""
    start = f"Step {data['step']}/{data['total_steps']}: training loss={data['train_loss']:.2f}"
    if data["valid_loss"] is None:
        return start
    return f"{start}, full validation loss={data['full_valid_loss']:.2f}"


def cell(value: Any) -> str:
    """Return a CSV cell; numbers keep all their digits."""
    return "" if value is None else str(value)
