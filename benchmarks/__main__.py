"""Every benchmark, one after the other: ``python -m benchmarks``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SLOWEST = "bench_distributed"


def main() -> int:
    """Run each script in a process of its own; the number of those that missed their goal."""
    missed = 0
    scripts = sorted(HERE.glob("bench_*.py"), key=lambda one: (one.stem == SLOWEST, one.stem))
    for script in scripts:
        print(f"\n== {script.stem}", flush=True)
        missed += subprocess.run([sys.executable, str(script)], check=False).returncode != 0
    return missed


if __name__ == "__main__":
    sys.exit(main())
