"""What a small run does not have to wait for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

RARE = (
    "regex",
    "sqlite3",
    "harness.finetuning.jobs",
    "harness.graders.extraction",
    "harness.pipeline.raters",
    "harness.pipeline.tuning",
    "harness.running.batching",
)
"""What only some runs need."""

HEAVY = ("numpy", "scipy", "pandas", "sklearn", "statsmodels", "openai", "altair", "vl_convert")


def test_the_story_is_told_without_the_packages_that_are_slow_to_import() -> None:
    script = f"import harness.pipeline, sys; print([m for m in {HEAVY} if m in sys.modules])"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_plain_run_comes_to_its_report_without_them(tmp_path: Path) -> None:
    samples = [{"input": f"{number}?", "ideal": "yes"} for number in range(3)]
    (tmp_path / "samples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in samples))
    (tmp_path / "reg" / "evals").mkdir(parents=True)
    (tmp_path / "reg" / "evals" / "plain.yaml").write_text(
        "plain.test.v1:\n  class: evals.elsuite.basic.match:Match\n"
        f"  args: {{samples_jsonl: {tmp_path / 'samples.jsonl'}}}\n"
    )
    answers = [{"prompt": one["input"], "completion": "no"} for one in samples]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(one) + "\n" for one in answers))
    words = ["run", "plain.test.v1", "--registry", str(tmp_path / "reg"), "--data", str(tmp_path)]
    words += ["--model", f"recorded:{tmp_path / 'answers.jsonl'}", "--out", str(tmp_path / "out")]
    script = (
        f"import sys; sys.argv = ['harness', *{words}]\n"
        "from harness.cli import app; app(standalone_mode=False)\n"
        f"print('heavy:', [m for m in {HEAVY + RARE} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "heavy: []" in done.stdout, done.stdout + done.stderr
