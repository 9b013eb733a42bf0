"""A stranger's code tries to get out. Every attempt ends in a fault that says what happened."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.graders.sandbox import WORKER, Bounds, Verdict, graded

SMALL = Bounds(cpu_s=1, wall_s=3.0, memory_bytes=512 * 1024**2)


def run(body: str, bounds: Bounds = SMALL, text: str = "hello") -> Verdict:
    """Grade with a function of the given body."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return graded(f"def grade(sample, item):\n{lines}", {"output_text": text}, {"n": 2}, bounds)


def test_honest_code_gives_its_number() -> None:
    assert run("return len(sample['output_text']) / item['n']") == Verdict(2.5)
    assert run("return True").value == 1.0
    assert run("print('x' * 100_000)\nreturn 1").value == 1.0


def test_installed_packages_can_be_imported() -> None:
    assert run("from rapidfuzz import fuzz\nreturn fuzz.ratio('a', 'a') / 100").value == 1.0
    numbers = "import numpy as np\nreturn np.float64(np.ones((9, 9)) @ np.ones(9) @ np.ones(9))"
    assert run(numbers, Bounds(cpu_s=5, wall_s=20)).value == 81.0


def test_nothing_is_left_over_from_the_call_before() -> None:
    spoil = (
        "import builtins\nbuiltins.seen = getattr(builtins, 'seen', 0) + 1\nreturn builtins.seen"
    )
    assert [run(spoil).value for _ in range(2)] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("return None", "no finite number but NoneType"),
        ("return '1'", "no finite number but str"),
        ("return float('nan')", "no finite number"),
        ("return 10 ** 400", "no finite number"),
        ("raise ValueError('odd\\nline')", "ValueError: odd line"),
        ("raise SystemExit(0)", "SystemExit"),
        ("import os\nos._exit(0)", "ended without a grade"),
        ("return grade(sample, item)", "RecursionError"),
        ("return bytearray(2**30)", "out of memory"),
        ("import nowhere", "ModuleNotFoundError"),
    ],
)
def test_code_that_fails_gives_no_number(body: str, fault: str) -> None:
    verdict = run(body)
    assert verdict.value is None
    assert fault in str(verdict.fault)


def test_source_that_is_no_grader_gives_no_number() -> None:
    assert "SyntaxError" in str(graded("def grade(:", {}, {}, SMALL).fault)
    assert "no function grade" in str(graded("x = 1", {}, {}, SMALL).fault)


# --- time, memory, output ------------------------------------------------------------


def test_an_endless_loop_runs_out_of_cpu_time() -> None:
    assert "CPU time" in str(run("while True: pass").fault)


def test_waiting_is_ended_and_nothing_hangs() -> None:
    verdict = run("import time\ntime.sleep(1e6)", Bounds(cpu_s=1, wall_s=0.5))
    assert "too long" in str(verdict.fault)


def test_signals_do_not_keep_it_alive() -> None:
    ignoring = (
        "import signal, time\n"
        "for s in range(1, 32):\n"
        "  try: signal.signal(s, signal.SIG_IGN)\n"
        "  except (OSError, ValueError): pass\n"
        "time.sleep(60)"
    )
    assert "too long" in str(run(ignoring, Bounds(cpu_s=1, wall_s=0.5)).fault)


def test_a_flood_of_output_is_cut() -> None:
    flood = (
        "import os\n"
        "while True:\n"
        "  for f in range(3, 20):\n"
        "    try: os.write(f, b'x' * 65536)\n"
        "    except OSError: pass"
    )
    assert "too much" in str(run(flood).fault)


def test_an_answer_that_was_made_up_is_no_number() -> None:
    forged = "import os\nos.write(3, b'[1]')\nos.write(4, b'[1]')\nos._exit(0)"
    assert run(forged).value is None


# --- files, network, processes -------------------------------------------------------


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.txt"
    path.write_text("hush")
    return path


@pytest.mark.parametrize(
    "body",
    [
        "return len(open({path!r}).read())",
        "import os\nreturn os.read(os.open({path!r}, os.O_RDONLY), 9)",
        "import pathlib\nreturn len(pathlib.Path({path!r}).read_text())",
        "import io\nreturn len(io.FileIO({path!r}).read())",
        "import os\nreturn len(open(os.path.relpath({path!r})).read())",
        "import runpy\nreturn runpy.run_path({path!r})",
        "import os\nreturn len(open(os.__file__[:-5] + '../../../../..{path}').read())",
    ],
)
def test_files_outside_python_cannot_be_read(secret: Path, body: str) -> None:
    verdict = run(body.format(path=str(secret)))
    assert verdict.value is None
    assert "Error" in str(verdict.fault)


@pytest.mark.parametrize("body", ["open('out.txt', 'w').write('x')", "import os\nos.mkdir('d')"])
def test_nothing_can_be_written(body: str) -> None:
    assert "PermissionError" in str(run(body + "\nreturn 1").fault)


def test_folders_cannot_be_listed(secret: Path) -> None:
    body = f"import os\nreturn len(os.listdir({str(secret.parent)!r}))"
    assert "PermissionError" in str(run(body).fault)


def test_the_environment_holds_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    verdict = run("import os\nraise ValueError(sorted(os.environ))")
    assert "OPENAI_API_KEY" not in str(verdict.fault)
    assert "LC_ALL" in str(verdict.fault)


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_nobody_can_be_called_up(listening: int) -> None:
    body = f"import socket\nsocket.create_connection(('127.0.0.1', {listening}), 1)\nreturn 1"
    verdict = run(body)
    assert verdict.value is None
    assert "PermissionError" in str(verdict.fault) or "Errno" in str(verdict.fault)


@pytest.mark.parametrize(
    "body",
    [
        "import os\nwhile True: os.fork()",
        "import subprocess\nsubprocess.run(['true'])",
        "import os\nos.system('true')\nreturn os.posix_spawn('/bin/true', ['true'], {})",
        "import os\nos.execv('/bin/true', ['true'])",
        "import os\nos.kill(os.getppid(), 0)",
        "import threading\nfor _ in range(99): threading.Thread(target=input).start()",
        "import multiprocessing as m\nm.Process(target=print).start()",
    ],
)
def test_no_process_is_started_or_disturbed(body: str) -> None:
    verdict = run(body + "\nreturn 1")
    assert verdict.value is None
    assert "Error" in str(verdict.fault)


# --- the kernel's walls, without the fence inside Python ------------------------------

ATTEMPTS = """
import importlib.util, os, socket, subprocess, sys
spec = importlib.util.spec_from_file_location("worker", sys.argv[1])
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)
closed = worker._build_kernel_walls([sys.argv[2]])
attempts = {
    "read": lambda: open(sys.argv[3]).read(),
    "write": lambda: open(sys.argv[3] + ".new", "w"),
    "list": lambda: os.listdir("/"),
    "socket": socket.socket,
    "pair": socket.socketpair,
    "fork": os.fork,
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "run": lambda: subprocess.run(["/bin/true"]),
    "kill": lambda: os.kill(os.getppid(), 0),
}
print("closed" if closed else "open")
for name, attempt in attempts.items():
    try:
        attempt()
    except OSError:
        continue
    print(name)
open(os.__file__).read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's walls are Linux's")
def test_the_kernel_refuses_what_the_fence_would_let_through(secret: Path) -> None:
    stdlib = os.path.realpath(sysconfig.get_path("stdlib"))
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPTS, str(WORKER), stdlib, str(secret)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    state, *got_through = done.stdout.split()
    if state != "closed":
        pytest.skip("this kernel offers no Landlock or no seccomp")
    assert got_through == []
    assert done.returncode == 0, done.stderr
