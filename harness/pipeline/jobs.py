"""Advice from a tuning job alone: what its curves can say, and which measurement is missing."""

from __future__ import annotations

from pathlib import Path

from harness.analysis.advice import advise
from harness.analysis.evidence import Evidence
from harness.errors import RunFolderError
from harness.finetuning.exports import JOB_FILE, TuningResult, read_export, result_of
from harness.records import Advice


def is_saved_job(path: Path) -> bool:
    """Is this what ``harness finetune --out`` wrote, or a job's JSON?"""
    return path.is_file() or (path / JOB_FILE).is_file()


def advice_of_saved_job(path: Path) -> Advice:
    """Read a saved job and say what its training curves allow to say.

    Raises:
        DatasetError: it is no tuning job.
        RunFolderError: the job made no model.
    """
    return advice_of(result_of(read_export(path), str(path)))


def advice_of(result: TuningResult) -> Advice:
    """Training numbers are a sanity check: they show a broken optimisation, and no more."""
    if not result.checkpoints:
        raise RunFolderError(f"job {result.job_id}: {result.status}, no checkpoint to advise on")
    last = result.checkpoints[-1]
    evidence = Evidence(
        eval=result.job_id,
        task="one-answer",
        model=last.model,
        epochs=last.epoch,
        losses=tuple(s.train_loss for s in result.curve if s.train_loss is not None),
        valid_losses=tuple(c.valid_loss for c in result.checkpoints if c.valid_loss is not None),
        earlier=tuple(c.epoch for c in result.checkpoints[:-1]),
    )
    return advise(evidence)
