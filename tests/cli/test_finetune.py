"""harness finetune as people use it: here, on a server, interrupted, and taken up again."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import main
from harness.cli.tuningview import plain, sparkline
from harness.embedded.workshop import Workshop
from harness.finetuning.api import ApiTuning
from harness.finetuning.exports import read_export, result_of


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


def test_the_embedded_model_is_tuned_shown_and_saved(
    harness: Harness, triage_files: tuple[Path, Path], tmp_path: Path
) -> None:
    training, validation = triage_files
    out = tmp_path / "tuned models"
    run = harness("finetune", training, "--epochs", 2, "--valid", validation, "--out", out)
    assert run.returncode == 0, run.stderr
    assert "Step 6/12" in run.stderr
    rows = [line.split() for line in run.stdout.splitlines() if "ft:tiny-base" in line][:2]
    assert [row[:2] for row in rows] == [["1", "6"], ["2", "12"]]
    assert f"harness serve --models '{out}'" in run.stdout
    result = result_of(read_export(out), "job")
    assert result.epochs == 2
    with Workshop() as workshop:
        assert workshop.models.load(out) == [one.model for one in result.checkpoints]


def test_without_out_the_models_are_said_to_end(
    harness: Harness, triage_files: tuple[Path, Path]
) -> None:
    run = harness("finetune", triage_files[0], "--epochs", 1, "--base", "embedded:tiny-base")
    assert run.returncode == 0
    assert "--out DIR saves them" in run.stdout


def test_a_servers_job_is_followed_and_taken_up_again(
    harness: Harness, embedded_server: str, triage_files: tuple[Path, Path], tmp_path: Path
) -> None:
    run = harness("finetune", triage_files[0], "--epochs", 2, "--base-url", embedded_server)
    assert run.returncode == 0, run.stderr
    job_id = re.findall(r"ftjob-\w+", run.stdout)[0]
    again = harness(
        "finetune", "--job", job_id, "--base-url", embedded_server, "--out", tmp_path / "job"
    )
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[:4] == run.stdout.splitlines()[1:5]
    assert read_export(tmp_path / "job").job["id"] == job_id


def interrupted(*arguments: str | Path, after: str) -> tuple[int, str]:
    """Run until a word appears on standard error, press Ctrl-C, and return code and output."""
    with subprocess.Popen(
        [sys.executable, "-m", "harness", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as run:
        assert run.stderr is not None
        assert run.stdout is not None
        seen = ""
        for line in run.stderr:
            seen += line
            if after in line:
                break
        else:
            raise AssertionError(seen)
        run.send_signal(signal.SIGINT)
        out = run.stdout.read()
        rest = run.stderr.read()
        assert "Traceback" not in rest
        return run.wait(), out


def test_leaving_a_servers_job_says_how_to_take_it_up_again(
    harness: Harness, embedded_server: str, triage_files: tuple[Path, Path]
) -> None:
    code, out = interrupted(
        "finetune", triage_files[0], "--epochs", 50, "--base-url", embedded_server, after="started"
    )
    assert code == 130
    command = out.splitlines()[-1].split()
    assert command[:3] == ["harness", "finetune", "--job"]
    service = ApiTuning("none", embedded_server)
    service.cancel(command[3])
    again = harness(*command[1:])
    assert "ended as cancelled" in again.stderr


def test_the_out_of_a_job_that_was_left_takes_it_up_and_keeps_from_starting_another(
    harness: Harness, embedded_server: str, triage_files: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "tuned models"
    start = ("finetune", triage_files[0], "--epochs", 50, "--base-url", embedded_server)
    code, _ = interrupted(*map(str, start), "--out", out, after="started")
    assert code == 130
    second = harness(*start, "--out", out)
    assert second.returncode == 2
    assert f"harness finetune --job '{out}'" in second.stderr
    ApiTuning("none", embedded_server).cancel(str(read_export(out).job["id"]))
    again = harness("finetune", "--job", out)
    assert "ended as cancelled" in again.stderr
    assert read_export(out).job["status"] == "cancelled"
    assert f"harness advise '{out}'" in again.stdout


def test_an_embedded_job_that_ended_with_its_process_is_not_taken_up(
    harness: Harness, triage_files: tuple[Path, Path], tmp_path: Path
) -> None:
    start = ("finetune", triage_files[0], "--epochs", 1, "--out", tmp_path)
    assert harness(*start).returncode == 0
    second = harness(*start)
    assert second.returncode == 2
    assert "choose another --out" in second.stderr
    wild = harness(*start[:-1], tmp_path / "other", "--learning-rate-multiplier", "nan")
    assert (wild.returncode, wild.stderr.count("\n")) == (2, 1)
    again = harness("finetune", "--job", tmp_path)
    assert again.returncode == 2
    assert f"harness advise {tmp_path}" in again.stderr


def test_stopping_the_embedded_model_keeps_the_checkpoints_so_far(
    triage_files: tuple[Path, Path], tmp_path: Path
) -> None:
    training, validation = triage_files
    code, out = interrupted(
        *("finetune", training, "--valid", validation, "--epochs", 50, "--out", tmp_path / "out"),
        after="Checkpoint created",
    )
    assert code == 130
    assert "the checkpoints so far" in out
    with Workshop() as workshop:
        assert len(workshop.models.load(tmp_path / "out")) >= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either TRAIN.jsonl, or --job"),
        (["x.jsonl", "--job", "ftjob-1"], "give either TRAIN.jsonl, or --job"),
        (["none.jsonl"], "none.jsonl"),
        (["--job", "ftjob-1"], "set OPENAI_API_KEY"),
        (["x.jsonl", "--base", "gpt-4.1-mini"], "set OPENAI_API_KEY"),
        (["--job", "", "--base-url", "http://127.0.0.1:1/v1"], "--job is empty"),
        (["x.jsonl", "--base-url", "ftp://x"], "http"),
        (["x.jsonl", "--base-url", "http://127.0.0.1:1", "--api-key-env", "NOT_SET"], "NOT_SET"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_code_2(
    harness: Harness, arguments: list[str], message: str
) -> None:
    run = harness("finetune", *arguments)
    assert run.returncode == 2
    assert message in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_failed_job_is_code_2_with_the_line_at_fault(harness: Harness, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("{}\n" * 12)
    run = harness("finetune", path)
    assert run.returncode == 2
    assert "line 1" in run.stderr.splitlines()[-1]
    assert (run.stdout + run.stderr).count("line 1") == 1
    assert "end with this process" not in run.stdout


def test_a_curve_is_drawn_from_zero_to_its_top() -> None:
    assert sparkline([8.0, 4.0, 0.0]) == "█▅▁"
    assert len(sparkline([1.0] * 1000)) == 40
    assert sparkline([0.0, 0.0]) == "▁▁"


def test_a_servers_words_cannot_command_the_terminal() -> None:
    assert plain("a\x1b[2J\nb") == "a[2J b"
