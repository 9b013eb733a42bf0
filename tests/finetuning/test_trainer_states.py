"""Reading what Hugging Face's trainers leave behind."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DatasetError
from harness.finetuning.curves import TrainingStep
from harness.finetuning.runs import read_run
from harness.finetuning.trainer_states import read_trainer_state


def trainer_state(*log: dict[str, Any]) -> str:
    return json.dumps({"epoch": 2.0, "global_step": 4, "log_history": list(log)})


def test_a_trainer_state_has_a_checkpoint_at_every_evaluation() -> None:
    curve, checkpoints = read_trainer_state(
        trainer_state(
            {"step": 1, "epoch": 0.5, "loss": 3.0, "mean_token_accuracy": 0.25},
            {"step": 2, "epoch": 1.0, "loss": 2.0, "mean_token_accuracy": 0.5},
            {"step": 2, "epoch": 1.0, "eval_loss": 2.5, "eval_mean_token_accuracy": 0.375},
            {"step": 3, "epoch": 1.5, "loss": 1.0},
            {"step": 4, "epoch": 2.0, "eval_loss": 2.0},
            {"step": 4, "epoch": 2.0, "train_loss": 2.1, "train_runtime": 9.0},
        ),
        "trainer_state.json",
    )
    assert curve[1] == TrainingStep(2, 2.0, 0.5, 2.5, 0.375)
    assert [step.step for step in curve] == [1, 2, 3, 4]
    first, last = checkpoints
    assert (first.model, first.epoch, first.train_loss) == ("checkpoint-2", 1.0, 2.5)
    assert first.train_token_accuracy == 0.375
    assert (last.model, last.epoch, last.train_loss, last.valid_loss) == (
        "checkpoint-4",
        2.0,
        1.0,
        2.0,
    )


def test_a_trainer_state_without_evaluations_has_a_checkpoint_an_epoch() -> None:
    _, checkpoints = read_trainer_state(
        trainer_state(
            {"step": 1, "epoch": 0.5, "loss": 3.0},
            {"step": 2, "epoch": 1.0, "loss": 2.0},
            {"step": 3, "epoch": 1.49, "loss": 1.0},
        ),
        "trainer_state.json",
    )
    assert [(one.model, one.epoch) for one in checkpoints] == [
        ("checkpoint-2", 1.0),
        ("checkpoint-3", 1.49),
    ]


def test_a_trainer_state_may_hold_nan() -> None:
    curve, _ = read_trainer_state(
        '{"log_history": [{"step": 1, "epoch": 1.0, "loss": NaN}]}', "trainer_state.json"
    )
    assert math.isnan(curve[0].train_loss or 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{\n", "t.json:2: not JSON"),
        ("[]", "t.json: no list 'log_history'"),
        ('{"log_history": [3]}', "t.json: no list 'log_history'"),
        ('{"log_history": [{"loss": 1}]}', "t.json: log_history[0]: 'step'"),
        ('{"log_history": [{"step": 1, "loss": "x"}]}', "t.json: log_history[0]: 'loss'"),
    ],
)
def test_what_is_no_trainer_state_is_named(text: str, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read_trainer_state(text, "t.json")
    assert str(caught.value).startswith(message)


def test_an_empty_log_has_neither_curve_nor_checkpoints() -> None:
    assert read_trainer_state('{"log_history": []}', "t.json") == ((), ())


def test_what_was_measured_before_training_is_no_checkpoint() -> None:
    curve, checkpoints = read_trainer_state(
        trainer_state(
            {"step": 0, "epoch": 0.0, "eval_loss": 9.0},
            {"step": 2, "epoch": 1.0, "eval_loss": 2.0, "eval_accuracy": 0.5},
        ),
        "t.json",
    )
    assert [one.step for one in curve] == [2]
    assert [one.valid_token_accuracy for one in checkpoints] == [0.5]


def test_checkpoints_that_were_kept_between_evaluations_have_no_validation_loss() -> None:
    log = [{"step": step, "epoch": step / 4, "loss": 1.0 / step} for step in (2, 4, 6, 8)]
    evaluated = {"step": 4, "epoch": 1.0, "eval_loss": 2.0}
    _, kept = read_trainer_state(trainer_state(*log, evaluated), "t.json", frozenset({4, 7, 99}))
    assert [(one.step, one.epoch, one.valid_loss) for one in kept] == [
        (4, 1.0, 2.0),
        (7, 1.75, None),
    ]


def test_of_several_validation_sets_the_first_is_the_curve(tmp_path: Path) -> None:
    log = [
        {"step": step, "epoch": step / 10, f"eval_{name}_loss": loss, f"eval_{name}_accuracy": 0.5}
        for step in (10, 20)
        for name, loss in (("news", 2.0 - step / 20), ("mail", 9.0))
    ]
    file = tmp_path / "trainer_state.json"
    file.write_text(json.dumps({"log_history": log}))
    run = read_run(file)
    assert [one.valid_loss for one in run.evaluations] == [1.5, 1.0]
    assert [one.valid_token_accuracy for one in run.evaluations] == [0.5, 0.5]
    assert run.notes == ("the validation curve is that of news; left out: mail",)


def test_a_log_without_epochs_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "trainer_state.json"
    file.write_text(json.dumps({"log_history": [{"step": 10, "loss": 1.0}]}))
    with pytest.raises(DatasetError, match="no entry of log_history has an epoch"):
        read_run(file)


def test_runs_below_a_folder_are_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        folder = tmp_path / name / "checkpoint-10"
        folder.mkdir(parents=True)
        (folder / "trainer_state.json").write_text("{}")
    with pytest.raises(DatasetError, match="give one of those below it: a, b"):
        read_run(tmp_path)


def test_a_checkpoint_whose_weights_are_gone_is_none(tmp_path: Path) -> None:
    log = [{"step": step, "epoch": step / 10, "eval_loss": 1.0} for step in (10, 20)]
    for step in (10, 20):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(json.dumps({"log_history": log}))
        (folder / "optimizer.pt").write_text("")
    assert read_run(tmp_path).kept == {10, 20}
    (tmp_path / "checkpoint-20" / "adapter_model.safetensors").write_text("")
    assert read_run(tmp_path).kept == {20}


def saved_after(folder: Path, steps: int) -> None:
    """Write a state as a trainer saves it after so many steps."""
    folder.mkdir(parents=True, exist_ok=True)
    log = [
        {"step": s, "epoch": s / 10, "eval_loss": 2.0 - s / 100} for s in range(10, steps + 1, 10)
    ]
    state = {"global_step": steps, "epoch": steps / 10, "log_history": log}
    (folder / "trainer_state.json").write_text(json.dumps(state))


def test_the_longest_log_of_a_resumed_run_is_read(tmp_path: Path) -> None:
    saved_after(tmp_path, 30)
    for steps in (30, 50):
        saved_after(tmp_path / f"checkpoint-{steps}", steps)
    run = read_run(tmp_path)
    assert (run.epochs, run.kept) == (5.0, frozenset({30, 50}))
    assert [one.model for one in run.checkpoints] == ["checkpoint-30", "checkpoint-50"]
    saved_after(tmp_path, 60)
    assert read_run(tmp_path).epochs == 6.0


def test_a_broken_state_of_the_run_is_named_and_not_passed_over(tmp_path: Path) -> None:
    saved_after(tmp_path / "checkpoint-30", 30)
    (tmp_path / "trainer_state.json").write_text('{"global_step": 40')
    with pytest.raises(DatasetError, match="the file is cut short"):
        read_run(tmp_path)


def test_checkpoints_after_the_end_of_the_log_are_said_to_be_left_out(tmp_path: Path) -> None:
    saved_after(tmp_path, 30)
    saved_after(tmp_path / "checkpoint-30", 30)
    (tmp_path / "checkpoint-50").mkdir()
    (tmp_path / "checkpoint-50" / "adapter_model.safetensors").write_text("")
    (tmp_path / "checkpoint-30" / "adapter_model.safetensors").write_text("")
    (note,) = read_run(tmp_path).notes
    assert note == "the log ends at step 30; left out, saved after it: checkpoint-50"


def test_a_checkpoint_of_the_last_step_is_kept_where_the_log_ends_before_it(tmp_path: Path) -> None:
    saved_after(tmp_path / "checkpoint-30", 30)
    saved_after(tmp_path / "checkpoint-53", 53)
    run = read_run(tmp_path)
    assert (run.checkpoints[-1].model, run.checkpoints[-1].epoch) == ("checkpoint-53", 5.3)
    assert (run.epochs, run.notes) == (5.3, ())
