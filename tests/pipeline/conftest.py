"""A small study with everything in it: two seeds, two epoch counts, held-out and train probe."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ORDERS = Path(__file__).parents[2] / "datasets" / "orders"
STUDY = """
small:
  description: A study for tests
  provider: embedded
  base: tiny-base
  experiments:
    orders:
      training_data: train.jsonl
      evals: [small-orders.test.v1]
      tune: {epochs: [1, 3], seeds: [1, 2], batch_size: 4}
      train_probe: 10
"""
EVAL = """
small-orders.test.v1:
  class: harness.graders.extraction:Extraction
  args: {samples_jsonl: heldout.jsonl, task: one-answer, temperature: 0, max_tokens: 48}
"""
Started = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the study, its registry and its data."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "reg" / "evals").mkdir(parents=True)
    (folder / "reg" / "data").mkdir()
    (folder / "reg" / "evals" / "small.yaml").write_text(EVAL)
    (folder / "small.yaml").write_text(STUDY)
    head(ORDERS / "train.jsonl", folder / "train.jsonl", 40)
    head(ORDERS / "heldout.jsonl", folder / "reg" / "data" / "heldout.jsonl", 20)
    return folder


def head(source: Path, target: Path, lines: int) -> None:
    target.write_text("".join(source.read_text().splitlines(keepends=True)[:lines]))


@pytest.fixture(scope="session")
def start(place: Path) -> Started:
    """Start ``harness`` in the study's folder."""

    def started(*args: str) -> subprocess.Popen[str]:
        env = {k: v for k, v in os.environ.items() if not k.startswith("OPENAI_")}
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *args],
            cwd=place,
            env={**env, "HOME": str(place)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return started


@pytest.fixture(scope="session")
def study(start: Started) -> Callable[..., subprocess.Popen[str]]:
    """Start the small study with the given further words."""
    return lambda *words: start("study", "small.yaml", "--registry", "reg", *words)


@pytest.fixture(scope="session")
def undisturbed(place: Path, study: Started) -> Path:
    """The run folder of the study, run once without any disturbance."""
    process = study("--out", "undisturbed")
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert "Report: undisturbed/report.html" in out
    return place / "undisturbed"
