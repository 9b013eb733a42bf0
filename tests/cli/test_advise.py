"""harness advise on what training wrote: every kind of file, a live job, and bad input."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main


@dataclass(frozen=True)
class Run:
    returncode: int
    stdout: str
    stderr: str


Harness = Callable[..., Run]


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Harness:
    """The command line in this process, as a terminal runs it."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def run(*arguments: object) -> Run:
        monkeypatch.setattr(sys, "argv", ["harness", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        return Run(code, *capsys.readouterr())

    return run


def trainer_state(path: Path, eval_losses: list[float], **more: list[float]) -> Path:
    """A trainer's state with an evaluation an epoch of ten steps."""
    log: list[dict[str, Any]] = []
    for step in range(1, 10 * len(eval_losses) + 1):
        log.append({"step": step, "epoch": step / 10, "loss": 2.0 / step})
        if step % 10 == 0:
            epoch = step // 10
            measured = {name: values[epoch - 1] for name, values in more.items()}
            log.append(
                {"step": step, "epoch": epoch, "eval_loss": eval_losses[epoch - 1]} | measured
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"log_history": log}))
    return path


def test_a_live_job_is_judged_by_its_curves(
    harness: Harness, embedded_server: str, triage_files: tuple[Path, Path]
) -> None:
    training, validation = triage_files
    start = ("finetune", training, "--valid", validation, "--epochs", 2)
    tuned = harness(*start, "--base-url", embedded_server)
    command = next(line for line in tuned.stdout.splitlines() if line.startswith("What next: "))
    run = harness(*command.split()[3:])
    assert run.returncode == 0, run.stderr
    assert "Train 2 epochs more" in run.stdout
    assert "harness compare tiny-base ft:tiny-base:embedded" in run.stdout
    assert f"--base-url {embedded_server}" in run.stdout


def test_an_output_folder_recommends_only_what_exists(harness: Harness, tmp_path: Path) -> None:
    for step in (10, 30):
        trainer_state(tmp_path / f"checkpoint-{step}" / "trainer_state.json", [1.1, 1.0, 1.6])
    run = harness("advise", tmp_path)
    assert run.returncode == 0, run.stderr
    assert "checkpoint to use now: checkpoint-10" in run.stdout
    assert "the lowest loss: after 2 epochs: not known to be kept" in run.stdout
    command = "harness compare checkpoint-10 checkpoint-30 --eval EVAL --base-url http://127.0.0.1"
    assert command in run.stdout


def test_a_loss_that_rose_while_accuracy_rose_is_no_overfitting(
    harness: Harness, tmp_path: Path
) -> None:
    path = trainer_state(tmp_path / "t.json", [1.2, 1.0, 1.6], eval_accuracy=[0.6, 0.7, 0.75])
    run = harness("advise", path)
    assert "keep the epochs" in run.stdout
    assert "not overfitting" in run.stdout
    assert "fewer" not in run.stdout


JOB = {
    "object": "fine_tuning.job",
    "id": "ftjob-abc",
    "status": "succeeded",
    "model": "gpt-4o-mini-2024-07-18",
    "fine_tuned_model": "ft:gpt-4o-mini-2024-07-18:me::abc",
    "hyperparameters": {"n_epochs": 2, "batch_size": 4, "learning_rate_multiplier": 1.8},
    "trained_tokens": 12_345,
    "result_files": ["file-r"],
}
RESULT = "step,train_loss,valid_loss\n" + "".join(
    f"{step},{2 / step:.3f},{2 - step / 10 if step % 4 == 0 else ''}\n" for step in range(1, 9)
)


def test_a_jobs_own_object_says_what_it_can(harness: Harness, tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_text(json.dumps(JOB))
    run = harness("advise", path)
    told = " ".join(run.stdout.split())
    assert run.returncode == 0, run.stderr
    assert "ftjob-abc: fine-tuning job without its curve, 2 epochs" in told
    assert "batch size 4, learning rate multiplier 1.8, 12,345 tokens trained" in told
    assert f"result file (file-r) and give both: harness advise {path} result.csv" in told


def test_a_job_and_its_result_file_are_judged_together(harness: Harness, tmp_path: Path) -> None:
    job, result = tmp_path / "job.json", tmp_path / "result.csv"
    job.write_text(json.dumps(JOB))
    result.write_text(RESULT)
    run = harness("advise", job, result)
    assert run.returncode == 0, run.stderr
    assert "ftjob-abc: fine-tuning job, 2 epochs, 8 steps" in run.stdout
    assert "checkpoint to use now: ft:gpt-4o-mini-2024-07-18:me::abc" in run.stdout
    assert "batch size 4" in run.stdout
    other = harness("advise", result, result)
    assert (other.returncode, len(other.stderr.splitlines())) == (2, 1)
    assert "holds no job" in other.stderr
    assert harness("advise", job, result, "--epochs", 3).returncode == 2


def test_a_models_name_makes_up_no_others(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "result.csv").write_text(RESULT)
    run = harness("advise", tmp_path / "result.csv", "--epochs", 2, "--model", "ft:m")
    assert "checkpoint to use now: ft:m" in run.stdout
    assert "ckpt-step" not in run.stdout


def test_json_is_that_of_reports(harness: Harness, tmp_path: Path) -> None:
    path = trainer_state(tmp_path / "trainer_state.json", [2.0, 1.5, 1.2])
    run = harness("advise", path, "--json")
    (advice,) = json.loads(run.stdout)
    assert (advice["rule"], advice["recommend"], advice["epochs"]) == (29, 2, 3)


def test_a_diverged_run_is_told_to_lower_the_learning_rate(
    harness: Harness, tmp_path: Path
) -> None:
    losses = [2.0, float("nan"), float("nan")]
    for step in (10, 30):
        trainer_state(tmp_path / f"checkpoint-{step}" / "trainer_state.json", losses)
    run = harness("advise", tmp_path)
    assert "lower the learning rate: the loss is not a number" in run.stdout
    assert "not a number: from step 20 on; kept before it: checkpoint-10" in run.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no such file or folder, and no job id"),
        (["ftjob-1"], "set OPENAI_API_KEY"),
        (["ftjob-1", "--base-url", "http://127.0.0.1:1/v1"], "nothing answers"),
        (["ftjob-1", "--base-url", "ftp://x"], "http"),
        (["ftjob-1", "--epochs", "3", "--base-url", "http://127.0.0.1:1/v1"], "a job knows its"),
        (["here", "--base-url", "http://127.0.0.1:1/v1"], "--base-url is for a job's id"),
        (["here"], "no run folder, no saved job"),
        (["cut.json"], "cut short"),
        (["other.csv"], "other.csv: no column of steps"),
        (["r.csv", "--log", "none.jsonl"], "base model's log first"),
        (["r.csv", "--log", "none.jsonl", "--log", "none.jsonl"], "none.jsonl"),
    ],
)
def test_what_cannot_be_judged_is_one_line_and_code_2(
    harness: Harness,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    (tmp_path / "cut.json").write_text('{"log_history": [{"step": 1')
    (tmp_path / "other.csv").write_text("name,age\nAnn,30\n")
    (tmp_path / "r.csv").write_text("step,train_loss,valid_loss\n1,2,\n2,1,1.5\n3,1,\n4,1,1.2\n")
    run = harness("advise", *arguments)
    assert run.returncode == 2
    assert message in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_an_unknown_job_and_a_server_without_jobs_are_one_line(
    harness: Harness, embedded_server: str
) -> None:
    unknown = harness("advise", "ftjob-none", "--base-url", embedded_server)
    assert "ftjob-none" in unknown.stderr
    elsewhere = harness("advise", "ftjob-none", "--base-url", f"{embedded_server}/elsewhere")
    assert "has no fine-tuning" in elsewhere.stderr
    for run in (unknown, elsewhere):
        assert run.returncode == 2
        assert len(run.stderr.splitlines()) == 1
