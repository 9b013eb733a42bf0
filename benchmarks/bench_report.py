"""What a report takes: time, peak memory and size, by the number of samples.

``python -m benchmarks.bench_report [--quick]``

Run folders with real journals are written first (one classification, nobody is asked). Then
``harness report`` makes the page of each in a process of its own. CPU is its user and system time,
which other work on the machine changes less than the time on the clock. Of 1,000 samples and six
models the page must stay below 2 MB. ``--quick`` leaves out the largest run.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.pages.folders import Size, write_folder

HOME = Path(__file__).parents[1]
MOST_MB = 2.0
GOAL = Size(1_000, 6)
SIZES = (Size(1_000, 2), GOAL, Size(20_000, 2), Size(200_000, 2))
HEAD = ("samples x models", "CPU s", "peak MB", "page MB", "samples on it", "journal MB")


@dataclass(frozen=True)
class Made:
    """A report, and what it took to make it."""

    cpu_s: float
    peak_mb: float
    page: Path
    journal: Path

    @property
    def page_mb(self) -> float:
        """The size of the page, in millions of bytes."""
        return self.page.stat().st_size / 1e6

    @property
    def cards(self) -> int:
        """Samples that the page holds."""
        return len(re.findall('<li class="flip ', self.page.read_text(encoding="utf-8")))


def made(folder: Path) -> Made:
    """Make the report of a run folder anew."""
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "report", str(folder)],
        cwd=HOME,
        env={**os.environ, "PYTHONPATH": str(HOME)},
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        sys.exit(f"harness report {folder} ended with {process.returncode}")
    megabyte = 2**20 if sys.platform == "darwin" else 2**10
    return Made(
        used.ru_utime + used.ru_stime,
        used.ru_maxrss / megabyte,
        folder / "report.html",
        folder / "journal.jsonl",
    )


def main() -> int:
    """Print the table; 1 where the page of the goal is too large."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out the largest run")
    sizes = SIZES[:-1] if parser.parse_args().quick else SIZES
    now = datetime.now(UTC)
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    print(f"{now:%Y-%m-%d %H:%M} UTC, {machine}, Python {platform.python_version()}")
    print("\n| " + " | ".join(HEAD) + " |\n|" + " --- |" * len(HEAD), flush=True)
    too_large = False
    for size in sizes:
        with TemporaryDirectory() as place:
            report = made(write_folder(Path(place) / "run", size).path)
            cells = (
                f"{size.samples:,} x {size.models}",
                f"{report.cpu_s:.1f}",
                f"{report.peak_mb:.0f}",
                f"{report.page_mb:.2f}",
                f"{report.cards:,}",
                f"{report.journal.stat().st_size / 1e6:.1f}",
            )
            print("| " + " | ".join(cells) + " |", flush=True)
            too_large |= size == GOAL and report.page_mb > MOST_MB
    print(f"\nthe page of {GOAL.samples:,} x {GOAL.models} is to stay below {MOST_MB:.0f} MB")
    return int(too_large)


if __name__ == "__main__":
    sys.exit(main())
