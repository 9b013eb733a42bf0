"""What a small run does not have to wait for."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("numpy", "scipy", "pandas", "sklearn", "statsmodels", "openai", "altair", "vl_convert")


def test_the_story_is_told_without_the_packages_that_are_slow_to_import() -> None:
    script = f"import harness.pipeline, sys; print([m for m in {HEAVY} if m in sys.modules])"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
