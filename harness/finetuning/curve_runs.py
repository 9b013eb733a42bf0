"""Runs of bare curves: a trainer's state, a result file, another table of metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.errors import DatasetError
from harness.finetuning.curves import Curve
from harness.finetuning.states import Naming, epoch_ends, evenly_spaced, states_at, validated_steps
from harness.finetuning.tables import read_table
from harness.finetuning.trainer_states import (
    PREFIX,
    curve_of_log,
    ends_of,
    epoch_at,
    kept_beside,
    log_of,
    output_folder,
    trained_steps,
    validation_sets,
)
from harness.finetuning.training_run import METRICS_TABLE, RESULT_FILE, TRAINER_STATE, TrainingRun

MOST_GUESSED_EPOCHS = 12
"""More evaluations than this are not taken for one an epoch."""


def run_of_trainer(text: str, path: Path) -> TrainingRun:
    """Return the run of a trainer's state; checkpoints are the folders beside it, if any."""
    source = str(path)
    log = log_of(text, source)
    curve, epochs = curve_of_log(log, source)
    if not curve:
        raise DatasetError(f"{source}: an empty log_history: nothing was trained or logged yet")
    if not any("epoch" in entry for entry in log):
        raise DatasetError(f"{source}: no entry of log_history has an epoch; copy the file again")
    kept = kept_beside(path)
    last = max(curve[-1].step, trained_steps(path) or 0)
    naming = Naming(lambda step: epoch_at(step, epochs), prefix=PREFIX)
    ends = ends_of(curve, epochs) if kept is None else [k for k in kept if 0 < k <= last]
    return TrainingRun(
        name=str(output_folder(path) if kept is not None else path),
        kind=TRAINER_STATE,
        curve=curve,
        checkpoints=states_at(curve, ends, naming),
        evaluations=states_at(curve, validated_steps(curve), naming),
        epochs=naming.epoch_at(last) or 1.0,
        kept=kept,
        notes=(*of_the_first(validation_sets(log)), *beyond_the_log(kept or (), last)),
    )


def beyond_the_log(kept: Iterable[int], last: int) -> tuple[str, ...]:
    """Return what to say of checkpoints that were saved after the last step of a log."""
    beyond = [f"{PREFIX}{step}" for step in sorted(kept) if step > last]
    if not beyond:
        return ()
    return (f"the log ends at step {last}; left out, saved after it: {', '.join(beyond)}",)


def of_the_first(sets: Sequence[str]) -> tuple[str, ...]:
    """Return what to say of a run with several validation sets."""
    if len(sets) < 2:
        return ()
    return (f"the validation curve is that of {sets[0]}; left out: {', '.join(sets[1:])}",)


def run_of_table(text: str, source: str, epochs: int | None, model: str | None) -> TrainingRun:
    """Return the run of a result file, or of another table of metrics."""
    table = read_table(text, source)
    if not table.curve:
        raise DatasetError(f"{source}: no step in it; export it when training has begun")
    if not table.epochs:
        return run_of_curve(
            table.curve, epochs, source, RESULT_FILE, whole_set=table.whole_set, model=model
        )
    naming = Naming(lambda step: epoch_at(step, table.epochs), prefix=PREFIX)
    ends = ends_of(table.curve, table.epochs)
    return TrainingRun(
        name=source,
        kind=METRICS_TABLE,
        curve=table.curve,
        checkpoints=states_at(table.curve, ends, naming),
        evaluations=states_at(table.curve, validated_steps(table.curve), naming),
        epochs=naming.epoch_at(table.curve[-1].step),
    )


def run_of_curve(
    curve: Curve,
    epochs: int | None,
    source: str,
    kind: str,
    *,
    whole_set: bool = False,
    model: str | None = None,
) -> TrainingRun:
    """Return the run of a curve that does not say how many epochs it is.

    Raises:
        DatasetError: nor does anything else.
    """
    measured = validated_steps(curve)
    last = curve[-1].step
    count = epochs or guessed_epochs(curve, whole_set=whole_set)
    if count is None:
        raise DatasetError(
            f"{source}: does not say how many epochs its {last:,} steps are; "
            "add --epochs N (the job's n_epochs)"
        )
    notes: tuple[str, ...] = ()
    if epochs is None and not whole_set:
        notes = (
            f"{source} does not say how many epochs it is: its {len(measured)} evaluations are "
            "taken for one an epoch; --epochs N says otherwise",
        )
    length = (measured[-1] if whole_set and measured and epochs is None else last) / count
    ends = epoch_ends(curve, length, count)
    names = {ends[-1]: model} if model is not None and ends else {}
    naming = Naming(lambda step: step / length, names=names)
    return TrainingRun(
        name=model or source,
        kind=kind,
        curve=curve,
        checkpoints=states_at(curve, ends, naming),
        evaluations=states_at(curve, measured, naming),
        epochs=last / length,
        kept=frozenset(names) or None,
        notes=notes,
    )


def guessed_epochs(curve: Curve, *, whole_set: bool) -> int | None:
    """Return how many epochs a curve shows; None where that would be a mere guess.

    The whole validation set is measured once an epoch. Other evaluations are taken for one an
    epoch where they are few, evenly spaced, further apart than the steps, and end the run.
    """
    measured = validated_steps(curve)
    if whole_set and measured:
        return len(measured)
    few = 1 < len(measured) <= min(MOST_GUESSED_EPOCHS, len(curve) // 2)
    ends = few and measured[-1] == curve[-1].step
    return len(measured) if ends and evenly_spaced(measured) else None
