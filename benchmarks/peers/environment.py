"""An environment of its own for packages that the benchmarks hold ours against."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path


def peer_python(packages: Sequence[str]) -> Path | None:
    """The interpreter of an environment that holds packages; None, and why, without them."""
    home = Path(tempfile.gettempdir()) / "harness-bench-peers"
    python = home / "bin" / "python"
    make = [] if python.exists() else [[sys.executable, "-m", "venv", str(home)]]
    for asked in (*make, [str(python), "-m", "pip", "install", "--quiet", *packages]):
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            print(f"{', '.join(packages)} cannot be installed here, so only ours: {why}")
            return None
    return python
