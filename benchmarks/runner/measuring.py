"""One client process at a time: what it took, and what is left without its start-up."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.runner.clients import Client, cleared
from benchmarks.runner.work import Work

HOME = Path(__file__).parents[2]
STAND_IN = Path(__file__).with_name("stand_in.py")

UNKEPT = "PYTHONDONTWRITEBYTECODE"
"""Where it is set, as in many containers, every start would compile all modules anew."""


class Failed(Exception):
    """A client that did not come to its end; says what it said last."""


@dataclass(frozen=True)
class Cost:
    """What one client process took: CPU and wall-clock seconds, peak memory in MB."""

    cpu_s: float
    wall_s: float
    peak_mb: float


@dataclass(frozen=True)
class Marginal:
    """What a sample costs beyond the start-up: CPU, and how many there are in a second."""

    cpu_ms: float
    rate: float


@contextmanager
def served(script: Path, latency_ms: float) -> Iterator[str]:
    """A server in a process of its own; the base URL to ask it at."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(script), "--port", str(port), "--latency", str(latency_ms)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("ready"), f"{script} did not start"
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait()


def cost(client: Client, work: Work) -> Cost:
    """Run a client once.

    Raises:
        Failed: it ended with an error.
    """
    work.prepare()
    return timed(client.command(cleared(work)), client.environment(work), work.out / "said")


def timed(command: list[str], environment: object = (), said: Path = Path(os.devnull)) -> Cost:
    """Run a command once, with compiled modules kept as they are wherever Python is used.

    Raises:
        Failed: it ended with an error.
    """
    inherited = {name: value for name, value in os.environ.items() if name != UNKEPT}
    added = dict(environment)  # type: ignore[call-overload]
    started = time.perf_counter()
    with said.open("wb") as out:
        process = subprocess.Popen(
            command, env={**inherited, **added}, cwd=HOME, stdout=out, stderr=out
        )
        _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        last = said.read_text(errors="replace").strip().splitlines()[-1:] if said.is_file() else []
        raise Failed(f"{command[0]} ended with {process.returncode}: {''.join(last)[:200]}")
    megabyte = 2**20 if sys.platform == "darwin" else 2**10
    return Cost(used.ru_utime + used.ru_stime, wall_s, used.ru_maxrss / megabyte)


def marginal(client: Client, work: Work, one: Cost) -> Marginal:
    """A run's cost without that of one sample, for each sample."""
    run = cost(client, work)
    cpu_ms = (run.cpu_s - one.cpu_s) / work.count * 1000
    return Marginal(cpu_ms, work.count / max(run.wall_s - one.wall_s, 1e-3))
