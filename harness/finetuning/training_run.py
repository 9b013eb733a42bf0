"""One training run, whoever logged it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from harness.finetuning.curves import Curve
from harness.finetuning.states import UNNAMED
from harness.records import Checkpoint

TRAINER_STATE, METRICS_TABLE = "trainer state", "table of metrics"
RESULT_FILE, EVENTS = "result file", "events of a job"
OF_A_BARE_CURVE = frozenset({RESULT_FILE, EVENTS})
"""What does not say how many epochs it is, nor its model."""
OF_TRAINERS = frozenset({TRAINER_STATE, METRICS_TABLE})


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A run's curve and the states along it.

    ``checkpoints`` are the states at the ends of epochs, or those that were kept;
    ``evaluations`` every state in which the validation set was measured. ``kept`` are the steps
    whose checkpoints are known to exist; None where nobody knows. ``epochs`` were trained so
    far; ``notes`` say what was assumed.
    """

    name: str
    kind: str
    curve: Curve
    checkpoints: tuple[Checkpoint, ...]
    evaluations: tuple[Checkpoint, ...]
    epochs: float
    kept: frozenset[int] | None = None
    base: str | None = None
    status: str = "succeeded"
    error: str | None = None
    """Why a job failed."""
    notes: tuple[str, ...] = ()
    trained_tokens: int | None = None
    """Of all epochs together, where the server has counted them."""
    settings: str = ""
    """How else the job was trained, in its own words."""
    server: str | None = None
    """The address of the server that trained, where that is known."""
    folder: Path | None = field(default=None, compare=False)
    """Where a job was saved."""

    @property
    def is_of_trainer(self) -> bool:
        """Whether its checkpoints are a trainer's, which no server serves by itself."""
        return self.kind in OF_TRAINERS

    @property
    def is_named(self) -> bool:
        """Whether the last state has a name that a server may know it by."""
        last = self.checkpoints[-1:]
        return bool(last) and last[0].model != f"{UNNAMED}{last[0].step}"

    def is_kept(self, state: Checkpoint) -> bool:
        """Whether a state's checkpoint is known to exist."""
        return self.kept is not None and state.step in self.kept
