"""Ray's workers beside one process: equal numbers, a killed worker, a million generations.

``python -m benchmarks.bench_distributed [--samples N] [--generations N] [--quick]``

A run of N samples against the stand-in server, in one process and on two workers of which one is
killed in the middle; then `harness diversity` and `harness regrade` of N generations on two
workers, and of 20,000 of them in both ways. CPU and memory are those of a command and of all
processes that it starts (memory: proportional shares, so what several hold counts once). The
process fails where the two ways differ, or a sample is lost or marked twice. ``--quick`` does a
twentieth of it. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.bench_runner import machine, table
from benchmarks.runner.clients import BIN
from benchmarks.runner.measuring import STAND_IN, Failed, served
from benchmarks.runner.work import EVAL, MODEL, Work
from benchmarks.scale.generations import AGAIN, write_generations, write_run
from benchmarks.scale.trees import Tree, descendants, watched

RAY = ("--engine", "ray", "--workers", "2")
LATENCY_MS = 20
CONCURRENCY = 64
SUBSET = 20_000
MOST_MB = 6_000
"""What a million generations may take of memory, in all."""


@dataclass(frozen=True)
class Bench:
    """Where the files are, and how large everything is."""

    folder: Path
    samples: int
    generations: int

    def run(self, arguments: Sequence[str], **more: Any) -> Tree:
        """Run the harness once and watch it."""
        return watched([str(BIN / "harness"), *arguments], self.folder / "said", **more)


class Unequal(Exception):
    """The two ways differ."""


# --- a run, and a worker that is killed ------------------------------------------------


def runs(bench: Bench) -> Iterator[Sequence[str]]:
    """One process, two workers, two workers of which one is killed: a row each."""
    with served(STAND_IN, LATENCY_MS) as url:
        work = Work(bench.folder, bench.samples, CONCURRENCY, url)
        work.prepare()
        one = Work(bench.folder, 1, CONCURRENCY, url)
        one.prepare()
        plain: Tree | None = None
        for name, extra, kills in (
            ("one process", (), False),
            ("two Ray workers", RAY, False),
            ("two Ray workers, one killed", RAY, True),
        ):
            small = bench.run(asked(one, bench.folder / "one", extra))
            out = bench.folder / name.replace(" ", "-").replace(",", "")
            killing = partial(kill_one, out / "journal.jsonl", bench.samples)
            more = {"meanwhile": killing} if kills else {}
            tree = bench.run(asked(work, out, extra), **more)
            check_run(bench.folder / "one-process", out, bench.samples)
            plain = plain or tree
            each = (tree.cpu_s - small.cpu_s) / bench.samples * 1000
            yield (
                name,
                f"{tree.wall_s:.1f}",
                f"{small.wall_s:.1f}",
                f"{each:.2f}",
                f"{bench.samples / max(tree.wall_s - small.wall_s, 1e-3):,.0f}",
                f"{tree.peak_mb:,.0f}",
            )


def asked(work: Work, out: Path, extra: Sequence[str]) -> list[str]:
    """The arguments of a run."""
    return [
        *("run", EVAL, "--model", MODEL, "--base-url", work.url, "--registry", str(work.registry)),
        *("--data", str(work.folder), "--concurrency", str(CONCURRENCY), "--out", str(out)),
        *("--overwrite", "--cache", "off", "--plain", *extra),
    ]


def kill_one(journal: Path, samples: int, process: subprocess.Popen[bytes]) -> None:
    """Kill one of the run's own workers when half of the answers are there."""
    while process.poll() is None:
        if lines_of(journal) > samples // 2:
            workers = [pid for pid in descendants(process.pid) if is_worker(pid)]
            print(f"killing worker {workers[0]} of {workers} at {lines_of(journal):,} answers")
            os.kill(workers[0], signal.SIGKILL)
            return
        time.sleep(0.05)


def is_worker(pid: int) -> bool:
    """Whether a process is one that answers."""
    try:
        return b"ray::Worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def lines_of(journal: Path) -> int:
    """How many answers a journal holds."""
    try:
        return max(0, journal.read_bytes().count(b"\n") - 1)
    except OSError:
        return 0


def check_run(plain: Path, other: Path, samples: int) -> None:
    """Stop where a sample is missing or there twice, or the reports differ."""
    with (other / "journal.jsonl").open("rb") as file:
        next(file)
        found = Counter(orjson.loads(line)["sample_id"] for line in file)
    if len(found) != samples or set(found.values()) != {1}:
        raise Unequal(f"{other.name}: {found.total():,} lines of {len(found):,} samples")
    if numbers(plain) != numbers(other):
        raise Unequal(f"{other.name}: the report is not that of one process")


def numbers(run: Path) -> Any:
    """The evals of a report."""
    return orjson.loads((run / "report.json").read_bytes())["evals"]


# --- many generations -------------------------------------------------------------------


def diversities(bench: Bench) -> Iterator[Sequence[str]]:
    """`harness diversity` of a subset in both ways, then of all by workers."""
    said = []
    for count, extra in ((SUBSET, ()), (SUBSET, RAY), (bench.generations, RAY)):
        path = bench.folder / f"generations-{count}.jsonl"
        if not path.exists():
            write_generations(path, count)
        tree = bench.run(["diversity", str(path), "--json", *extra])
        said.append(tree.said)
        yield cells("diversity", count, extra, tree)
    if said[0] != said[1]:
        raise Unequal("diversity: the output by workers is not that of one process")


def regradings(bench: Bench) -> Iterator[Sequence[str]]:
    """`harness regrade` of a subset in both ways, then of all by workers."""
    digests = []
    for count, extra in ((SUBSET, ()), (SUBSET, RAY), (bench.generations, RAY)):
        run = bench.folder / f"run-{count}"
        if not run.exists():
            write_run(run, bench.folder, count)
        out = bench.folder / "regraded"
        registry = ("--registry", str(bench.folder / AGAIN), "--data", str(bench.folder))
        tree = bench.run(
            ["regrade", str(run), "--out", str(out), "--overwrite", "--plain", *registry, *extra]
        )
        digests.append(digest(out / "journal.jsonl"))
        if lines_of(out / "journal.jsonl") != count:
            raise Unequal(f"regrade: {lines_of(out / 'journal.jsonl'):,} answers of {count:,}")
        yield cells("regrade", count, extra, tree)
    if digests[0] != digests[1]:
        raise Unequal("regrade: the journal by workers is not that of one process")


def digest(path: Path) -> str:
    """The hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cells(what: str, count: int, extra: Sequence[str], tree: Tree) -> Sequence[str]:
    """One measurement as a row."""
    if tree.peak_mb > MOST_MB:
        raise Unequal(f"{what}: {tree.peak_mb:,.0f} MB of memory, of {MOST_MB:,} MB")
    way = "two Ray workers" if extra else "one process"
    taken = (tree.wall_s, tree.cpu_s, tree.peak_mb, tree.driver_mb)
    return (f"{what}, {count:,}", way, *(f"{value:,.0f}" for value in taken))


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; 1 when anything differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--generations", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="a twentieth of it")
    given = parser.parse_args(arguments)
    missing = "ray" if find_spec("ray") is None else "" if Path("/proc").exists() else "/proc"
    if missing:
        print(f"left out: there is no {missing} here (pip install 'finetune-harness[ray]')")
        return 0
    part = 20 if given.quick else 1
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder), given.samples // part, given.generations // part)
        print(machine())
        try:
            head = ("wall s", "1 sample: wall s", "CPU ms a sample", "samples/s", "peak MB")
            table((f"{bench.samples:,} samples", *head), runs(bench))
            taken = ("wall s", "CPU s", "peak MB", "of it the command itself")
            table(("generations", "way", *taken), diversities(bench))
            table(("generations", "way", *taken), regradings(bench))
        except (Unequal, Failed) as error:
            print(f"\nMISSED: {error}")
            return 1
    print("\nreports, outputs and journals of both ways are equal")
    return 0


if __name__ == "__main__":
    sys.exit(main())
