"""What asking costs: ours beside a bare aiohttp loop and other harnesses, in one run.

``python -m benchmarks.bench_runner [--quick] [--rounds R] [--server SCRIPT]``

CPU is the user and system time of the client process; marginal is that of a run less that of a
run of one sample, for each sample. Ours includes grading, journal, limits and retry logic;
``harness run`` the report and the logs too. Clients take turns and the best round counts, since
other work only ever adds to a time. ``--quick`` measures CPU at 0 ms only. ``--server`` (or
BENCH_SERVER) names another server that takes --port and --latency and prints ``ready``.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.runner.clients import BIN, FLOOR, HARNESS, OTHERS, RUNNER, Client
from benchmarks.runner.measuring import STAND_IN, Cost, Failed, cost, marginal, served, timed
from benchmarks.runner.work import Work

GOAL = 1.5
OURS = (FLOOR, RUNNER, HARNESS)
SIZES = {
    (0, 64): 5000,
    (0, 1000): 5000,
    (50, 64): 3000,
    (50, 1000): 10_000,
    (300, 64): 1000,
    (300, 1000): 6000,
}
"""Samples for a latency in ms and a number of connections: some seconds each."""

MEMORY = (2000, 20_000, 200_000)


@dataclass(frozen=True)
class Bench:
    """Where the files are, who answers, and how often everything is repeated."""

    folder: Path
    server: Path
    rounds: int

    def work(self, count: int, concurrency: int, url: str) -> Work:
        """A piece of work among this bench's files."""
        return Work(self.folder, count, concurrency, url)


# --- the tables ----------------------------------------------------------------------


def table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> None:
    """Print a table of Markdown, row by row as they come."""
    print("\n| " + " | ".join(head) + " |\n|" + " --- |" * len(head), flush=True)
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def cpu(bench: Bench, clients: Sequence[Client]) -> dict[str, float]:
    """CPU a sample at 0 ms with 64 connections, and start-up; the best of all rounds."""
    best: dict[str, float] = {}
    ones: dict[str, Cost] = {}
    with served(bench.server, 0) as url:
        for client in [*clients] * bench.rounds:
            one = cost(client, bench.work(1, 64, url))
            many = bench.work(min(SIZES[0, 64], client.most), 64, url)
            found = marginal(client, many, one)
            best[client.name] = min(found.cpu_ms, best.get(client.name, found.cpu_ms))
            earlier = ones.get(client.name, one)
            ones[client.name] = min(earlier, one, key=lambda cost: cost.wall_s)
    table(
        ("client", "CPU ms a sample", "times the floor", "1 sample: wall s", "CPU s", "peak MB"),
        (
            (name, f"{best[name]:.3f}", f"{best[name] / best[FLOOR.name]:.2f}", *_start(one))
            for name, one in ones.items()
        ),
    )
    return best


def _start(one: Cost) -> tuple[str, str, str]:
    return f"{one.wall_s:.2f}", f"{one.cpu_s:.2f}", f"{one.peak_mb:.0f}"


def rates(bench: Bench, clients: Sequence[Client]) -> Iterator[Sequence[str]]:
    """Samples a second for each latency and number of connections."""
    for (latency_ms, concurrency), count in SIZES.items():
        with served(bench.server, latency_ms) as url:
            cells = [f"{latency_ms} ms, {concurrency}"]
            for client in clients:
                one, work = (bench.work(n, concurrency, url) for n in (1, min(count, client.most)))
                try:
                    found = marginal(client, work, cost(client, one))
                    cells.append(f"{found.rate:,.0f}")
                except Failed as error:
                    print(f"{client.name}: {error}", file=sys.stderr)
                    cells.append("failed")
            yield cells


def memory(bench: Bench, others: Sequence[Client]) -> Iterator[Sequence[str]]:
    """Peak memory by the number of samples; the others' only for the first of them."""
    with served(bench.server, 0) as url:
        for client in (FLOOR, HARNESS, *others):
            counts = (1, *(MEMORY[:1] if client in others else MEMORY))
            peaks = [cost(client, bench.work(n, 64, url)).peak_mb for n in counts]
            cells = [f"{peak:.0f}" for peak in peaks]
            more = f"{peaks[-1] - peaks[0]:.0f}"
            yield (client.name, *cells, *["-"] * (len(MEMORY) + 1 - len(cells)), more)


def help_s(rounds: int) -> float:
    """The wall-clock time of ``harness --help``."""
    return min(timed([str(BIN / "harness"), "--help"]).wall_s for _ in range(rounds + 2))


def machine() -> str:
    """When and on what this was measured."""
    cpus = os.cpu_count()
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.system()} {platform.machine()}, "
        f"{cpus} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}; "
        f"aiohttp {version('aiohttp')}, uvloop {_installed('uvloop')}"
    )


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def usable(clients: Sequence[Client], bench: Bench) -> list[Client]:
    """Those that are installed and come to an end; of the others it is said why not."""
    found = []
    with served(bench.server, 0) as url:
        for client in clients:
            try:
                if client.missing is None:
                    cost(client, bench.work(1, 64, url))
                    found.append(client)
                else:
                    print(f"{client.name}: left out, {client.missing} is not installed")
            except (Failed, OSError) as error:
                print(f"{client.name}: left out, {error}")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; 1 when our runner costs more than the goal."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    options.add_argument("--quick", action="store_true", help="CPU at 0 ms only")
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--server", type=Path, default=os.environ.get("BENCH_SERVER", STAND_IN))
    given = options.parse_args(arguments)
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder), given.server, given.rounds)
        print(machine())
        others = [] if given.quick else usable(OTHERS, bench)
        best = cpu(bench, (*OURS, *others))
        if not given.quick:
            names = [client.name for client in (*OURS, *others)]
            table(("samples/s at", *names), rates(bench, (*OURS, *others)))
            head = ("peak MB at", "1", *(f"{n:,}" for n in MEMORY), "more than at 1")
            table(head, memory(bench, others))
            print(f"\n`harness --help`: {help_s(given.rounds):.2f} s")
    ratio = best[RUNNER.name] / best[FLOOR.name]
    whole = best[HARNESS.name] / best[FLOOR.name]
    print(f"\nour runner / floor = {ratio:.2f} (goal: at most {GOAL}); harness run {whole:.2f}")
    return int(ratio > GOAL)


if __name__ == "__main__":
    sys.exit(main())
