"""Reads LoRA adapters that training saved: checkpoint folders with ``adapter_config.json``.

TRL, axolotl and LLaMA-Factory save them with PEFT; vLLM serves them beside their base model.
"""

from __future__ import annotations

import glob
import json
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import DatasetError, UsageError
from harness.finetuning.runs import read_run
from harness.finetuning.sources import text_of
from harness.finetuning.trainer_states import STATE_FILE
from harness.records import Checkpoint

CONFIG = "adapter_config.json"


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter on disk; ``checkpoint.model`` is the name that a server gives it.

    ``base`` and ``rank`` are what its configuration says of the model it belongs to and of r.
    """

    checkpoint: Checkpoint
    path: Path
    base: str | None = None
    rank: int | None = None

    @property
    def name(self) -> str:
        """What requests call it."""
        return self.checkpoint.model


def read_adapters(pattern: str) -> tuple[Adapter, ...]:
    """The adapters in the folders that a pattern means, in the order of their epochs.

    They are named after their folders; where two are called alike, the folder above comes first.

    Raises:
        UsageError: no folder with an adapter fits the pattern.
        DatasetError: one does not say of which epoch it is, or cannot be read.
    """
    folders = [Path(one) for one in sorted(glob.glob(pattern, recursive=True))]
    found = [_adapter(folder) for folder in folders if (folder / CONFIG).is_file()]
    if not found:
        seen = f"{len(folders)} places fit, none holds {CONFIG}" if folders else "nothing fits"
        raise UsageError(
            f"--lora-glob {pattern}: {seen}; give the folders of LoRA checkpoints in quotes, "
            "such as 'out/checkpoint-*'"
        )
    alike = Counter(adapter.name for adapter in found)
    named = [_with_parent(one) if alike[one.name] > 1 else one for one in found]
    return tuple(sorted(named, key=lambda one: (one.checkpoint.epoch, one.name)))


def serve_command(adapters: Sequence[Adapter], base: str) -> str:
    """The command that serves these adapters by their names beside their base model."""
    modules = (f"{one.name}={one.path.resolve()}" for one in adapters)
    rank = max((one.rank or 0 for one in adapters), default=0)
    words = ["vllm", "serve", base, "--enable-lora"]
    words += ["--max-lora-rank", str(rank)] if rank > 16 else []
    return shlex.join([*words, "--lora-modules", *modules])


def _adapter(folder: Path) -> Adapter:
    try:
        config = json.loads(text_of(folder / CONFIG))
    except ValueError as error:
        raise DatasetError(
            f"{folder / CONFIG}: not JSON: {error}; save the checkpoint again"
        ) from error
    told = config if isinstance(config, dict) else {}
    base, rank = told.get("base_model_name_or_path"), told.get("r")
    return Adapter(
        checkpoint=_checkpoint(folder),
        path=folder,
        base=base if isinstance(base, str) else None,
        rank=rank if isinstance(rank, int) else None,
    )


def _checkpoint(folder: Path) -> Checkpoint:
    """The state of a folder by its own log, which ends where the checkpoint was saved."""
    file = folder / STATE_FILE
    if not file.is_file():
        raise DatasetError(
            f"{folder}: no {STATE_FILE} in it says after how many epochs it was saved; copy it "
            "there, or declare the adapter in a study (tuned: - model: NAME, epochs: N)"
        )
    run = read_run(file)
    state = json.loads(text_of(file))
    last = run.curve[-1].step
    step, epoch = state.get("global_step"), state.get("epoch")
    return Checkpoint(
        model=folder.name,
        epoch=_whole_if_near(epoch if isinstance(epoch, int | float) else run.epochs),
        step=step if isinstance(step, int) else last,
        train_loss=next((s.train_loss for s in reversed(run.curve) if s.train_loss), None),
        valid_loss=next((s.valid_loss for s in reversed(run.curve) if s.valid_loss), None),
    )


def _whole_if_near(epoch: float) -> float:
    """An epoch without what a last, smaller batch takes off it."""
    return float(round(epoch)) if abs(epoch - round(epoch)) < 0.01 else float(epoch)


def _with_parent(one: Adapter) -> Adapter:
    parent = one.path.resolve().parent.name
    return replace(one, checkpoint=replace(one.checkpoint, model=f"{parent}-{one.name}"))
