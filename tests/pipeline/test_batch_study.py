"""A study through batches: several models, each with a batch of its own, and the same report."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Study = Callable[..., subprocess.Popen[str]]


def numbers(folder: Path) -> dict[str, Any]:
    """What report.json says of evals, comparisons and advice."""
    report = json.loads((folder / "report.json").read_text())
    return {name: report[name] for name in ("evals", "comparisons", "advice")}


@pytest.mark.long
def test_a_study_of_several_models_gives_the_same_numbers_through_batches(
    place: Path, study: Study, undisturbed: Path, embedded_server: str
) -> None:
    process = study("--out", "batched", "--base-url", embedded_server, "--batch")
    _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert "5 of 5 batches ended" in err
    assert numbers(place / "batched") == numbers(undisturbed)
