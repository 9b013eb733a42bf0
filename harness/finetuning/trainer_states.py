"""Reads what Hugging Face's trainers leave behind: ``trainer_state.json``, and checkpoint folders.

TRL, axolotl and LLaMA-Factory train with the same trainer and leave the same files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import DatasetError
from harness.finetuning.curves import (
    Curve,
    Names,
    TrainingStep,
    epoch_in,
    json_of,
    names_in_use,
    step_of,
    whole_if_near,
)
from harness.finetuning.states import Naming, merged, states_at, validated_steps
from harness.records import Checkpoint

WEIGHTS = re.compile(r".*\.(safetensors|gguf)|(pytorch_|adapter_)?model.*\.(bin|pt|pth)")
OF_A_SET = re.compile(r"eval_(\w+)_loss")
"""How the loss of one of several validation sets is called."""
STATE_FILE = "trainer_state.json"
PREFIX = "checkpoint-"
CHECKPOINT = re.compile(rf"{PREFIX}(\d{{1,12}})")
NAMES: Names = {
    "train_loss": ("loss",),
    "train_token_accuracy": ("mean_token_accuracy", "token_accuracy", "accuracy"),
    "valid_loss": ("eval_loss",),
    "valid_token_accuracy": ("eval_mean_token_accuracy", "eval_token_accuracy", "eval_accuracy"),
}
"""Our metric -> its names in the log; ``train_loss`` in it is the mean of the whole run."""


def read_trainer_state(
    text: str, source: str, kept: frozenset[int] | None = None
) -> tuple[Curve, tuple[Checkpoint, ...]]:
    """Return the curve and checkpoints of a ``trainer_state.json``.

    ``kept`` are the steps whose folders exist: these are the checkpoints. Where nobody knows, a
    checkpoint stands wherever the validation set was measured, else at every whole epoch and at
    the end. All have the name ``checkpoint-<step>`` that the trainer gives to folders.

    Raises:
        DatasetError: it is not such a file.
    """
    log = log_of(text, source)
    curve, epochs = curve_of_log(log, source)
    naming = Naming(lambda step: epoch_at(step, epochs), prefix=PREFIX)
    last = max(epochs, default=0)
    ends = ends_of(curve, epochs) if kept is None else sorted(k for k in kept if 0 < k <= last)
    return curve, states_at(curve, ends, naming)


def log_of(text: str, source: str) -> list[Mapping[str, Any]]:
    """Return the log of a trainer's state."""
    state = json_of(text, source)
    log = state.get("log_history") if isinstance(state, dict) else None
    if not isinstance(log, list) or not all(isinstance(entry, dict) for entry in log):
        raise DatasetError(f"{source}: no list 'log_history'; expected a trainer_state.json")
    return log


def curve_of_log(log: list[Mapping[str, Any]], source: str) -> tuple[Curve, dict[int, float]]:
    """Return the curve of a log, and the epochs trained at each of its steps.

    What was measured before training, at step 0, is no part of it.
    """
    names = names_of_log(log)
    steps: list[TrainingStep] = []
    epochs: dict[int, float] = {}
    for position, entry in enumerate(log):
        where = f"{source}: log_history[{position}]"
        if entry.get("step") == 0:
            continue
        step = step_of(entry, where, names)
        steps.append(step)
        epochs[step.step] = epoch_in(entry, ("epoch",), where) or epochs.get(step.step, 0.0)
    return merged(steps), epochs


def names_of_log(log: list[Mapping[str, Any]]) -> Names:
    """Return the names that a log uses; of several validation sets, those of the first."""
    names = dict(names_in_use(log, NAMES))
    sets = validation_sets(log)
    if sets:
        own = {
            metric: [name.replace("eval_", f"eval_{sets[0]}_", 1) for name in NAMES[metric]]
            for metric in ("valid_loss", "valid_token_accuracy")
        }
        names |= names_in_use(log, own)
    return names


def validation_sets(log: list[Mapping[str, Any]]) -> list[str]:
    """Return the names of a log's validation sets; none where there is but one, without a name."""
    used = dict.fromkeys(name for entry in log for name in entry)
    if "eval_loss" in used:
        return []
    return [found[1] for name in used if (found := OF_A_SET.fullmatch(name))]


def ends_of(curve: Curve, epochs: Mapping[int, float]) -> list[int]:
    """Return the steps where a checkpoint may stand, when the folders are not at hand."""
    measured = validated_steps(curve)
    if measured:
        return measured
    whole = {step for step, epoch in epochs.items() if epoch and epoch == whole_if_near(epoch) // 1}
    return sorted(whole | {max(epochs, default=0)} - {0})


def epoch_at(step: int, epochs: Mapping[int, float]) -> float:
    """Return the epochs trained at a step, between two logged ones in proportion."""
    if step in epochs:
        return epochs[step]
    before = max((one for one in epochs if one < step), default=0)
    after = min((one for one in epochs if one > step), default=0)
    if not after:
        return epochs[before] * step / before if before else 0.0
    start = epochs.get(before, 0.0)
    return start + (epochs[after] - start) * (step - before) / (after - before)


# --- folders -------------------------------------------------------------------------


def kept_steps(folder: Path) -> frozenset[int]:
    """Return the steps whose ``checkpoint-<step>`` folders lie in a folder.

    Where some of them hold weights, those without are no checkpoints any more.
    """
    found = dict(checkpoint_folders(folder))
    whole = frozenset(step for step, path in found.items() if holds_weights(path))
    return whole or frozenset(found)


def holds_weights(checkpoint: Path) -> bool:
    """Whether a checkpoint folder holds weights: a file of them, or a folder of shards."""
    return any(path.is_dir() or WEIGHTS.fullmatch(path.name) for path in checkpoint.iterdir())


def checkpoint_folders(folder: Path) -> Iterator[tuple[int, Path]]:
    """Every checkpoint folder that holds something."""
    for path in folder.iterdir() if folder.is_dir() else ():
        found = CHECKPOINT.fullmatch(path.name)
        if found and path.is_dir() and any(path.iterdir()):
            yield int(found[1]), path


def state_file(folder: Path) -> Path | None:
    """Return the longest log of an output folder: its own, or that of the last checkpoint.

    Its own is older where a trainer was resumed after it and did not save its state again.
    """
    own = folder / STATE_FILE
    found = sorted(checkpoint_folders(folder), reverse=True)
    later = next((path / STATE_FILE for _, path in found if (path / STATE_FILE).is_file()), None)
    if own.is_file() and not (later and goes_beyond(later, own)):
        return own
    return later


def goes_beyond(later: Path, own: Path) -> bool:
    """Whether a state was saved after more steps than another; what cannot be read is not told."""
    first, second = trained_steps(later), trained_steps(own)
    return first is not None and second is not None and first > second


def trained_steps(file: Path) -> int | None:
    """Return after how many steps a state was saved; None where it does not say."""
    try:
        state = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    steps = state.get("global_step") if isinstance(state, dict) else None
    return steps if isinstance(steps, int) else None


def kept_beside(file: Path) -> frozenset[int] | None:
    """Return the checkpoints that exist beside a state file; None where none is in sight.

    A file that was copied elsewhere says nothing about what was kept.
    """
    return kept_steps(output_folder(file)) or None


def output_folder(file: Path) -> Path:
    """Return the folder of the whole run, from a state file in it or in one of its checkpoints."""
    folder = file.parent
    return folder.parent if CHECKPOINT.fullmatch(folder.name) else folder
