"""Running a stranger's grading code in a process of its own, and taking only a number back.

What holds it in, on Linux: a network namespace without a network; Landlock, so that it reads
nothing but Python's own folders and writes nothing; seccomp, so that it starts no process and
opens no socket; limits of the system on CPU, memory, files; an empty environment; an empty
folder. Everywhere: the limits that the system has, and an audit hook inside Python, which
stops ordinary code but not one that is built to break out of Python.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from harness.errors import UsageError

WORKER = Path(__file__).with_name("sandbox_worker.py")
MAX_OUTPUT = 65_536
KILLED_WITHIN_S = 5.0
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
"""All that the code sees: numeric libraries may start no threads, so they are told not to try."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one call may use. ``wall_s`` counts waiting too."""

    cpu_s: int = 20
    wall_s: float = 30.0
    memory_bytes: int = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Verdict:
    """The grade, or why there is none."""

    value: float | None = None
    fault: str | None = None


def graded(
    source: str, sample: Mapping[str, Any], item: Mapping[str, Any], bounds: Bounds
) -> Verdict:
    """Call ``grade(sample, item)`` of some source. Blocks until it has ended or been ended.

    Raises:
        UsageError: this system cannot run it.
    """
    task = {
        "source": source,
        "sample": sample,
        "item": item,
        "readable": _readable(),
        "cpu_s": bounds.cpu_s,
        "memory_bytes": bounds.memory_bytes,
    }
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as asked:
        asked.write(json.dumps(task, default=str).encode())
        asked.seek(0)
        worker = _started(asked, folder)
        try:
            output, fault = _output(worker, time.monotonic() + bounds.wall_s)
        finally:
            _end(worker)
    return Verdict(fault=fault) if fault else _verdict(output, worker.returncode)


def _readable() -> list[str]:
    """Python's own folders: its library and the installed packages."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return list(dict.fromkeys(str(Path(sysconfig.get_path(name)).resolve()) for name in names))


def _started(asked: IO[bytes], folder: str) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - our own script; the foreign code is its input
            [sys.executable, "-I", "-S", "-B", "-X", "utf8", str(WORKER)],
            stdin=asked,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=ENVIRONMENT,
            start_new_session=True,
        )
    except OSError as error:
        raise UsageError(f"python graders cannot be run here: {error.strerror}") from error


def _output(worker: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, str | None]:
    """What the worker says until it ends; a fault where it says too much or takes too long."""
    assert worker.stdout is not None  # noqa: S101 - it was asked for above
    said = b""
    with selectors.DefaultSelector() as ready:
        ready.register(worker.stdout, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not ready.select(left):
                return said, "the code took too long and was stopped"
            piece = os.read(worker.stdout.fileno(), MAX_OUTPUT)
            if not piece:
                return said, None
            said += piece
            if len(said) > MAX_OUTPUT:
                return said, "the code wrote too much and was stopped"


def _end(worker: subprocess.Popen[bytes]) -> None:
    """Nothing of it is left: an ended worker is waited for, a running one killed first."""
    try:
        worker.wait(0.2)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.kill()
        with suppress(subprocess.TimeoutExpired):
            worker.wait(KILLED_WITHIN_S)
    if worker.stdout is not None:
        worker.stdout.close()


def _verdict(output: bytes, code: int | None) -> Verdict:
    if code == -signal.SIGXCPU:
        return Verdict(fault="the code used too much CPU time and was stopped")
    try:
        said = json.loads(output)
        value, fault = said.get("value"), said.get("fault")
    except (ValueError, AttributeError, RecursionError):
        return Verdict(fault=f"the code ended without a grade (exit {code})")
    if isinstance(value, float) and abs(value) < float("inf"):
        return Verdict(value=value)
    return Verdict(fault=str(fault)[:300])
