import subprocess
import sys
from pathlib import Path

import pytest

from harness.embedded.checkpoint import load, load_base
from harness.embedded.pretraining import LEARNING_RATE, learning_rate, pretrain, vocabulary


def test_the_base_model_has_the_words_of_the_corpus() -> None:
    assert vocabulary().words == load_base()[0].words


def test_two_runs_give_the_same_weights_and_lower_the_loss(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs = [pretrain(steps=40, report_every=10)[1].weights for _ in range(2)]
    assert runs[0].tobytes() == runs[1].tobytes()
    shown = capsys.readouterr().err.splitlines()
    losses = [float(line.split("loss ")[1].split()[0]) for line in shown[:4]]
    assert losses[-1] < losses[0]
    assert "steps/s" in shown[0]
    assert "s to go" in shown[0]


def test_the_learning_rate_rises_then_falls_and_never_ends() -> None:
    rates = [learning_rate(step, 1000) for step in range(1, 1001)]
    assert rates[0] < rates[15] < rates[29] <= LEARNING_RATE
    assert rates[29:] == sorted(rates[29:], reverse=True)
    assert rates[-1] > 0


def test_the_command_writes_a_half_precision_checkpoint(tmp_path: Path) -> None:
    out = tmp_path / "base.npz"
    command = [sys.executable, "-m", "harness.embedded.pretraining", "--steps", "2", "--out", out]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "step 2/2" in run.stderr
    assert "weights" in run.stdout
    _, network = load(out)
    assert (network.weights == network.weights.astype("float16")).all()
