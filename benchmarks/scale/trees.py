"""What a command and all the processes that it starts take."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.runner.measuring import HOME, Failed

EVERY_S = 0.5
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Tree:
    """Seconds by the clock and of CPU, and the most memory that all held together, in MB.

    Memory is the proportional share of each process (what several hold counts once); ``driver_mb``
    is that of the command alone.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    driver_mb: float
    said: str


def descendants(root: int) -> Iterator[int]:
    """A process and all that it started, down to the last."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += children.get(pid, [])


def memory_mb(pid: int) -> float:
    """The proportional share of a process; 0 where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def cpu_s(pid: int) -> float:
    """The CPU seconds of a process so far; 0 where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def watched(
    command: Sequence[str],
    said: Path,
    meanwhile: Callable[[subprocess.Popen[bytes]], None] = lambda process: None,
) -> Tree:
    """Run a command once, and see what it and its processes take.

    Raises:
        Failed: it ended with an error.
    """
    started = time.perf_counter()
    with said.open("wb") as out:
        process = subprocess.Popen(command, cwd=HOME, stdout=out, stderr=subprocess.PIPE)
    assert process.stderr is not None
    errors: list[bytes] = []
    reader = threading.Thread(target=lambda: errors.extend(process.stderr or ()), daemon=True)
    reader.start()
    peak = alone = 0.0
    spent: dict[int, float] = {}
    acting = threading.Thread(target=meanwhile, args=(process,), daemon=True)
    acting.start()
    while process.poll() is None:
        pids = list(descendants(process.pid))
        held = {pid: memory_mb(pid) for pid in pids}
        peak, alone = max(peak, sum(held.values())), max(alone, held[process.pid])
        spent |= {pid: max(spent.get(pid, 0.0), cpu_s(pid)) for pid in pids}
        time.sleep(EVERY_S)
    reader.join()
    if process.returncode:
        last = b"".join(errors[-3:]).decode(errors="replace")
        raise Failed(f"{command[0]} ended with {process.returncode}: {last[:300]}")
    wall_s = time.perf_counter() - started
    return Tree(wall_s, sum(spent.values()), peak, alone, said.read_text(errors="replace"))
