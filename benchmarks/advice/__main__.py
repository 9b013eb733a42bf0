"""``python -m benchmarks.advice [report | search] [--slice] [--workers 2]``: see docs/validation.md."""

from __future__ import annotations

import argparse
import sys

from benchmarks.advice.collection import FAULTY, TASKS, runs
from benchmarks.advice.results import Results
from benchmarks.advice.work import work


def main() -> int:
    """Make what runs are missing, then write the report."""
    asked = arguments()
    try:
        work(list(runs(asked.tasks, asked.faulty)), Results(), asked.workers, asked.seconds)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where this one stopped", file=sys.stderr)
        return 130
    return 0


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.advice", description=__doc__)
    parser.add_argument("what", nargs="?", default="run", choices=("run", "report", "search"))
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--tasks", type=int, default=TASKS, help="of each family")
    parser.add_argument("--faulty", type=int, default=FAULTY, help="tasks of each planted fault")
    parser.add_argument("--seconds", type=float, help="stop after so long; resume later")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
