"""The runs of a study, made on some processes; whatever ends is kept at once."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from multiprocessing import Pool

from benchmarks.advice.collection import task
from benchmarks.advice.results import Results
from benchmarks.advice.tuning import Run, tuned

Key = tuple[str, int]


def made(key: Key) -> Run:
    """One run, in a process of its own."""
    name, seed = key
    return tuned(task(name), seed)


def quietly() -> None:
    """Leave Ctrl-C to the process that keeps the results, and the processor to others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)


def work(keys: Sequence[Key], results: Results, workers: int, seconds: float | None = None) -> None:
    """Make every run that is not there yet, until ``seconds`` are over.

    A run that is interrupted is made again next time; no other is.
    """
    there = results.keys()
    owed = [key for key in keys if key not in there]
    clock = Clock(len(keys), len(keys) - len(owed))
    clock.show()
    with Pool(workers, initializer=quietly) as pool:  # leaving it ends its processes at once
        for run in pool.imap_unordered(made, owed):
            results.keep(run)
            clock.ended(run)
            if seconds is not None and clock.elapsed_s > seconds:
                break
    sys.stderr.write("\n")


class Clock:
    """How far it is, how fast, and how long it will take."""

    def __init__(self, total: int, there: int) -> None:
        self.total, self.there, self.ended_now, self.cpu_s = total, there, 0, 0.0
        self.began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Since the work began."""
        return time.monotonic() - self.began

    def ended(self, run: Run) -> None:
        """One more run."""
        self.ended_now += 1
        self.cpu_s += run.cpu_s
        self.show(run.task)

    def show(self, task: str = "") -> None:
        """Write the line of progress over the last one."""
        done = self.there + self.ended_now
        said = f"{done:,} of {self.total:,} runs"
        if self.ended_now:
            each_s = self.elapsed_s / self.ended_now
            left_min = each_s * (self.total - done) / 60
            said += f", {60 / each_s:.1f} a minute, {left_min:.0f} min left; {task}"
        end, start = ("", "\r\033[K") if sys.stderr.isatty() else ("\n", "")
        sys.stderr.write(f"{start}{said}{end}")
        sys.stderr.flush()
