"""A small eval of three questions, known to settings that read nothing of the user's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import harness

EVAL = """
colours.test.v1:
  class: evals.elsuite.basic.match:Match
  args: {samples_jsonl: SAMPLES}
"""


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder, without keys and servers of the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def settings(tmp_path: Path) -> harness.Settings:
    """Settings that know the eval ``colours.test.v1`` of 30 samples."""
    place = tmp_path / "reg" / "evals"
    place.mkdir(parents=True)
    samples = [{"input": f"The colour of {n}?", "ideal": "blue"} for n in range(30)]
    path = tmp_path / "samples.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in samples))
    (place / "colours.yaml").write_text(EVAL.replace("SAMPLES", str(path)))
    return harness.Settings(registry=[tmp_path / "reg"], data=[tmp_path])
