"""The inside of the sandbox: a script of its own that runs one grader's code and says what it gave.

Standard library only; nothing of the harness is imported. It reads one JSON object from its
standard input, puts up the walls, runs the code, and writes one JSON object.
"""

from __future__ import annotations

import json
import math
import os
import struct
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

NEW_USER, NEW_NET = 0x10000000, 0x40000000
NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 38, 22, 2
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ALL_FILE_ACCESS, READ_FILE, READ_FOLDER = 0x1FFF, 1 << 2, 1 << 3

SYSTEM_READABLE = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo"),
    *("/etc/ld.so.cache", "/dev/null", "/dev/urandom"),
)
"""What compiled modules need to load, beside Python's own folders."""

REFUSED_SYSCALLS = {
    # fork and exec, signals, sockets, namespaces, other processes' memory, limits, kernel doors
    "x86_64": (
        0xC000003E,
        (
            *(41, 42, 43, 44, 46, 49, 50, 53, 56, 57, 58, 59, 62, 101, 160, 165, 200, 234, 248),
            *(249, 250, 272, 298, 302, 308, 310, 311, 321, 322, 323, 424, 425, 434, 435),
        ),
    ),
    "aarch64": (
        0xC00000B7,
        (
            *(40, 97, 117, 129, 130, 131, 164, 198, 199, 200, 201, 202, 203, 206, 211, 217, 218),
            *(219, 220, 221, 241, 261, 268, 270, 271, 280, 281, 282, 424, 425, 434, 435),
        ),
    ),
}
"""Machine -> its number in the kernel's audit, and the numbers of its refused calls."""

REFUSED_EVENTS = (
    *("socket.", "subprocess.", "pty.", "shutil.", "tempfile.", "webbrowser."),
    *("os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "os.startfile"),
    *("os.kill", "os.chdir", "os.fchdir", "os.chmod", "os.chown", "os.link", "os.symlink"),
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.utime", "os.chflags"),
    *("os.setxattr", "os.removexattr", "os.lockf", "signal.pthread_kill", "_thread.start_"),
    *("sys.addaudithook", "sys.settrace", "sys.setprofile", "sys._current_"),
    *("resource.", "fcntl.", "syslog.", "mmap.", "sqlite3.connect", "urllib.", "http.client."),
    *("ftplib.", "smtplib.", "poplib.", "imaplib.", "nntplib.", "telnetlib.", "builtins.input"),
    *("cpython.run_", "builtins.breakpoint", "pdb.", "winreg.", "_winapi.", "msvcrt."),
)
UNSEEN = ("ctypes", "_ctypes", "_posixsubprocess", "_testcapi", "_testinternalcapi")
"""Modules that reach the system without an event: refused unless the kernel's walls stand.

Where they do, these are let in, for scipy, pandas and nltk import them.
"""
UNSEEN_EVENTS = ("ctypes.", "code.__new__", "function.__new__", "gc.get_")
"""Ways around the audit hook, under the same rule."""

LISTING_EVENTS = ("os.listdir", "os.scandir", "os.walk", "os.fwalk", "glob.glob", "pathlib.Path.")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def main() -> None:
    """Read the task, put up the walls, run the code, say what it gave."""
    task = json.load(sys.stdin)
    answers = _private_output()
    sys.path.extend(path for path in task["readable"] if path not in sys.path)
    _limit(task)
    closed = _build_kernel_walls(task["readable"])
    _forget_modules()
    roots = tuple(os.path.realpath(path) for path in task["readable"])
    sys.addaudithook(_guard(roots, closed))
    os.write(answers, json.dumps(_graded(task)).encode())


def _graded(task: dict[str, Any]) -> dict[str, Any]:
    """The grade as ``{"value": ...}``, or ``{"fault": ...}`` in the code's own words."""
    names: dict[str, Any] = {"__name__": "grader", "__builtins__": __builtins__}
    try:
        exec(compile(task["source"], "<grader>", "exec"), names)  # noqa: S102 - the walls are up
        grade = names.get("grade")
        if not callable(grade):
            return {"fault": "the code defines no function grade(sample, item)"}
        value = grade(task["sample"], task["item"])
        return _checked(value)
    except MemoryError:
        return {"fault": "out of memory"}
    except BaseException as error:  # noqa: BLE001 - whatever foreign code raises is its fault
        return {"fault": f"{type(error).__name__}: {_told(error)}"}


def _checked(value: Any) -> dict[str, Any]:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, str) or not math.isfinite(number):
        return {"fault": f"grade gave no finite number but {type(value).__name__}"}
    return {"value": number}


def _told(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())[:200]
    except BaseException:  # noqa: BLE001 - even str() may be foreign code
        return ""


def _private_output() -> int:
    """The pipe of the answer under a number of its own; what the code prints goes nowhere."""
    answers = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    return answers


def _limit(task: dict[str, Any]) -> None:
    import resource

    cpu_s, memory = task["cpu_s"], task["memory_bytes"]
    wanted = {
        "RLIMIT_CPU": (cpu_s, cpu_s + 1),
        "RLIMIT_AS": (memory, memory),
        "RLIMIT_FSIZE": (0, 0),
        "RLIMIT_NOFILE": (64, 64),
        "RLIMIT_CORE": (0, 0),
        "RLIMIT_NPROC": (0, 0),
    }
    for name, bounds in wanted.items():
        try:
            resource.setrlimit(getattr(resource, name), bounds)
        except (AttributeError, ValueError, OSError):
            continue  # this system has no such limit, or will not set it


def _forget_modules() -> None:
    """No module of ours that calls the system directly is left for the code to find."""
    for name in ("ctypes", "_ctypes", "ctypes._endian", "resource"):
        sys.modules.pop(name, None)


# --- walls of the kernel -------------------------------------------------------------


def _build_kernel_walls(readable: Iterable[str]) -> bool:
    """No network, no file but the readable ones, no new process; whether all of that stands."""
    if sys.platform != "linux":
        return False
    try:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
    except (ImportError, OSError):
        return False

    def call(number: int, *args: Any) -> int:
        return int(libc.syscall(ctypes.c_long(number), *args))

    libc.unshare(NEW_USER | NEW_NET)
    if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    files = _allow_reading(call, [*readable, *SYSTEM_READABLE])
    return _refuse_syscalls(libc, ctypes) and files


def _allow_reading(call: Callable[..., int], paths: Sequence[str]) -> bool:
    """Landlock: nothing is written or run, and nothing read but below ``paths``."""
    rules = call(CREATE_RULESET, struct.pack("Q", ALL_FILE_ACCESS), 8, 0)
    if rules < 0:
        return False
    for path in paths:
        try:
            place = os.open(path, os.O_PATH)
        except OSError:
            continue
        access = READ_FILE | READ_FOLDER if os.path.isdir(path) else READ_FILE
        call(ADD_RULE, rules, 1, struct.pack("=Qi", access, place), 0)
        os.close(place)
    failed = call(RESTRICT_SELF, rules, 0)
    os.close(rules)
    return failed == 0


def _refuse_syscalls(libc: Any, ctypes: Any) -> bool:
    """seccomp: the refused calls fail with "not permitted"; another machine's calls kill."""
    machine, refused = REFUSED_SYSCALLS.get(os.uname().machine, (0, ()))
    if not refused:
        return False
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    kill, refuse, allow = 0x80000000, 0x00050001, 0x7FFF0000
    steps = [(load, 0, 0, 4), (equal, 1, 0, machine), (answer, 0, 0, kill), (load, 0, 0, 0)]
    steps += [(at_least, 0, 1, 0x40000000), (answer, 0, 0, refuse)]
    for number in refused:
        steps += [(equal, 0, 1, number), (answer, 0, 0, refuse)]
    steps.append((answer, 0, 0, allow))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(code))
    return int(libc.prctl(SET_SECCOMP, FILTER, program, 0, 0)) == 0


# --- the fence inside Python ---------------------------------------------------------


def _guard(readable: tuple[str, ...], closed: bool) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook that refuses what a grader has no business with."""
    realpath, separator = os.path.realpath, os.sep
    imports = () if closed else UNSEEN
    events = REFUSED_EVENTS if closed else (*REFUSED_EVENTS, *UNSEEN_EVENTS)

    def inside(path: Any) -> bool:
        if isinstance(path, int):
            return True
        real = realpath(os.fsdecode(path)) if isinstance(path, str | bytes) else ""
        return any(real == root or real.startswith(root + separator) for root in readable)

    def guard(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = args
            if not inside(path) or (isinstance(flags, int) and flags & WRITING):
                raise PermissionError("graders may not open files")
        elif event == "import" and args[0] in imports:
            raise ImportError(f"graders may not import {args[0]}")
        elif event.startswith(LISTING_EVENTS):
            if not inside(args[0] if args else None):
                raise PermissionError("graders may not list folders")
        elif event.startswith(events):
            raise PermissionError(f"graders may not use {event}")

    return guard


if __name__ == "__main__":
    main()
