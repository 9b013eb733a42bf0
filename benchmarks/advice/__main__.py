"""Is the advice any good? Hundreds of small tuning runs say so; docs/validation.md tells it.

``python -m benchmarks.advice`` makes the runs that are missing and writes the page; stop it with
Ctrl-C at any time, and the same command goes on. ``... report`` writes the page from the runs that
are there; ``--slice`` makes a few runs anew and prints what they show, in about three minutes.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.advice.collection import runs
from benchmarks.advice.courses import courses
from benchmarks.advice.excerpt import excerpt
from benchmarks.advice.report import PAGE, write
from benchmarks.advice.results import Results
from benchmarks.advice.work import work


def main() -> int:
    """1 where a goal is missed, 130 where it was interrupted."""
    asked = arguments()
    try:
        if asked.slice:
            return excerpt(asked.workers)
        results = Results()
        if asked.what == "run":
            work(runs(), results, asked.workers, asked.seconds)
        return report(results, asked.workers)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where this one stopped", file=sys.stderr)
        return 130


def report(results: Results, workers: int) -> int:
    """Write the page."""
    found = courses(results, workers)
    if not found:
        print("no task has all of its runs yet: make validate", file=sys.stderr)
        return 1
    all_met = write(found, runs=len(results.keys() & set(runs())))
    print(f"{PAGE}: {'every goal is met' if all_met else 'not every goal is met'}")
    return 0 if all_met else 1


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.advice",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", default="run", choices=("run", "report"))
    parser.add_argument("--slice", action="store_true", help="a few runs, made anew")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--seconds", type=float, help="make no new run after so long")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
