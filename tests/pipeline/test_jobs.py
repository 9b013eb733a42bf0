"""Advice from a tuning job alone."""

from __future__ import annotations

import pytest

from harness.errors import RunFolderError
from harness.finetuning.curves import TrainingStep
from harness.finetuning.exports import TuningResult
from harness.pipeline.jobs import advice_of
from harness.records import Checkpoint


def result(losses: list[float], checkpoints: int = 2) -> TuningResult:
    curve = tuple(TrainingStep(step, train_loss=loss) for step, loss in enumerate(losses, 1))
    made = tuple(Checkpoint(f"m{e}", e, train_loss=losses[-1]) for e in range(1, checkpoints + 1))
    return TuningResult("ftjob-1", "succeeded", "m", "base", 2, 1, made, curve)


def test_curves_alone_name_the_missing_measurement() -> None:
    advice = advice_of(result([2.0 / step for step in range(1, 21)]))
    assert (advice.rule, advice.recommend) == (24, 0)
    assert "training prompts" in advice.action


def test_a_loss_that_does_not_fall_is_seen_in_the_curve() -> None:
    assert advice_of(result([2.0] * 20)).rule == 3


def test_a_job_without_a_checkpoint_is_refused() -> None:
    with pytest.raises(RunFolderError, match="ftjob-1"):
        advice_of(result([1.0] * 20, checkpoints=0))
