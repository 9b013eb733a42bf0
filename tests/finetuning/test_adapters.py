"""LoRA checkpoints on disk: their names, epochs and the command that serves them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import DatasetError, UsageError
from harness.finetuning.adapters import read_adapters, serve_command


def saved(folder: Path, step: int, epoch: float, rank: int = 8) -> Path:
    """A checkpoint folder as PEFT and the trainer leave it."""
    place = folder / f"checkpoint-{step}"
    place.mkdir(parents=True)
    config = {"base_model_name_or_path": "org/base", "peft_type": "LORA", "r": rank}
    (place / "adapter_config.json").write_text(json.dumps(config))
    log = [
        {"epoch": epoch, "step": step, "loss": 1 / step},
        {"epoch": epoch, "step": step, "eval_loss": 2 / step},
    ]
    state = {"epoch": epoch, "global_step": step, "log_history": log}
    (place / "trainer_state.json").write_text(json.dumps(state))
    return place


def test_adapters_are_named_after_their_folders_in_the_order_of_epochs(tmp_path: Path) -> None:
    for step, epoch in ((100, 1.998), (50, 1.0), (150, 2.5)):
        saved(tmp_path / "out", step, epoch)
    (tmp_path / "out" / "checkpoint-9").mkdir()
    found = read_adapters(str(tmp_path / "out" / "checkpoint-*"))
    told = [(a.name, a.checkpoint.epoch, a.checkpoint.step, a.base) for a in found]
    assert told == [
        ("checkpoint-50", 1.0, 50, "org/base"),
        ("checkpoint-100", 2.0, 100, "org/base"),
        ("checkpoint-150", 2.5, 150, "org/base"),
    ]
    assert found[0].checkpoint.valid_loss == 2 / 50


def test_adapters_of_several_runs_keep_apart(tmp_path: Path) -> None:
    for name in ("seed-1", "seed-2"):
        saved(tmp_path / name, 50, 1.0)
    found = read_adapters(str(tmp_path / "*" / "checkpoint-*"))
    assert [one.name for one in found] == ["seed-1-checkpoint-50", "seed-2-checkpoint-50"]


def test_the_command_serves_every_adapter_by_its_name(tmp_path: Path) -> None:
    folder = saved(tmp_path / "an out", 50, 1.0, rank=64)
    command = serve_command(read_adapters(str(tmp_path / "an out" / "*")), "org/base")
    assert command.startswith("vllm serve org/base --enable-lora --max-lora-rank 64 --lora-modules")
    assert f"'checkpoint-50={folder}'" in command


def test_a_pattern_without_adapters_says_what_fits(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing fits"):
        read_adapters(str(tmp_path / "none-*"))
    (tmp_path / "checkpoint-1").mkdir()
    with pytest.raises(UsageError, match="1 places fit, none holds adapter_config"):
        read_adapters(str(tmp_path / "checkpoint-*"))


def test_an_adapter_of_unknown_epochs_is_refused(tmp_path: Path) -> None:
    (saved(tmp_path, 50, 1.0) / "trainer_state.json").unlink()
    with pytest.raises(DatasetError, match="after how many epochs"):
        read_adapters(str(tmp_path / "checkpoint-*"))


def test_a_broken_configuration_names_its_file(tmp_path: Path) -> None:
    (saved(tmp_path, 50, 1.0) / "adapter_config.json").write_text("{")
    with pytest.raises(DatasetError, match=r"adapter_config\.json: not JSON"):
        read_adapters(str(tmp_path / "checkpoint-*"))
