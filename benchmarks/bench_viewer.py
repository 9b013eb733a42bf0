"""The viewer over a large run: how long an index takes, and every page after it, through HTTP.

``python -m benchmarks.bench_viewer [--samples N] [--rounds R]``

Two models answer N samples. ``harness view`` runs in a process of its own; a page's time is that
of a whole request on a kept connection, the worst over all rounds against the goal of 200 ms. CPU
is the server's, the mean of a request: it does not grow with what else the machine does.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode, urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness import __version__
from harness.datasets import file_hash
from harness.pipeline.folder import manifest as manifests
from harness.pipeline.folder.manifest import Manifest, Plan
from harness.pipeline.folder.runfolder import RunFolder
from harness.records import (
    Checkpoint,
    Completion,
    EvalSpec,
    Experiment,
    Outcome,
    Score,
    Study,
    Usage,
)
from harness.running.lines import line_of

GOAL_MS = 200.0
EVAL, BASE, TUNED = "tickets.heldout.v1", "base-model", "tuned-model"
LABELS = ("billing", "login", "returns", "shipping", "technical")
WORDS = [
    f"{a}{b}" for a in ("par", "lo", "tick", "mon", "ser", "del") for b in "aeioubcdfghklmnprst"
]
HARNESS = Path(sys.executable).with_name("harness")


# --- a large run ---------------------------------------------------------------------


def write_run(folder: Path, samples: int) -> None:
    """A run folder with two models' answers, as a run would have written it."""
    folder.mkdir(parents=True)
    data = folder.parent / "tickets.jsonl"
    rng = random.Random(7)
    with data.open("w") as file:
        for number in range(samples):
            prompt = f"Ticket {number}: the " + " ".join(rng.choices(WORDS, k=30))
            file.write(
                f'{{"input": [{{"role": "user", "content": "{prompt}"}}], '
                f'"ideal": "{LABELS[number % 5]}"}}\n'
            )
    spec = EvalSpec(EVAL, "includes", data)
    tuned = (Checkpoint(TUNED, 1.0),)
    study = Study("large", BASE, (Experiment("tickets", (EVAL,), tuned=tuned),))
    plan = Plan(study, (spec,), files={manifests.portable(data): file_hash(data)})
    run = RunFolder(folder)
    manifests.write(Manifest(plan, "harness study large.yaml", __version__), run.manifest)
    with run.journal.open("wb") as file:
        file.write(b'{"journal":1,"harness":"0.1.0","run":"large"}\n')
        file.writelines(map(line_of, outcomes(samples, rng)))


def outcomes(samples: int, rng: random.Random) -> Iterator[Outcome]:
    """Every answer: the base model is right in half of its answers, the tuned one in most."""
    for model, share in ((BASE, 0.5), (TUNED, 0.85)):
        for number in range(samples):
            ideal = LABELS[number % 5]
            is_right = rng.random() < share
            label = ideal if is_right else rng.choice(LABELS)
            text = f"{label}, because the " + " ".join(rng.choices(WORDS, k=12))
            usage = Usage(60, rng.randrange(10, 40))
            yield Outcome(
                *(EVAL, model, f"tickets.heldout.{number}", 0, f"{number:032x}"),
                Completion(text, "stop", usage, rng.uniform(0.2, 2.0)),
                {"accuracy": Score(float(label == ideal), label)},
            )


# --- the viewer ----------------------------------------------------------------------


@dataclass(frozen=True)
class Viewer:
    """A viewer in a process of its own, and one connection to it."""

    process: subprocess.Popen[str]
    connection: http.client.HTTPConnection

    def get(self, path: str) -> str:
        """A page, which has to be there."""
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise SystemExit(f"{path} answers {answer.status}: {text[:500]}")
        return text

    def memory_mb(self, name: str = "VmRSS") -> float:
        """What its process holds now, or (VmHWM) held at most."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{name}:\s+(\d+) kB", status)
        return int(found[1]) / 1000 if found else 0.0

    def cpu_s(self) -> float:
        """The CPU time that it took so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def viewer(root: Path, cache: Path) -> Iterator[Viewer]:
    """``harness view`` until the end of the block."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONUNBUFFERED": "1"}
    command = [str(HARNESS), "view", str(root), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        if found is None:
            raise SystemExit("harness view did not start")
        address = urlsplit(found[0])
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        yield Viewer(process, connection)
    finally:
        process.terminate()
        process.wait()


def indexed(view: Viewer, page: str) -> float:
    """Wait until nothing is left to index; how long that took."""
    began = time.perf_counter()
    while 'id="indexing"' in view.get(page):
        time.sleep(0.2)
    return time.perf_counter() - began


# --- the table -----------------------------------------------------------------------


def pages(samples: int) -> dict[str, Callable[[int], str]]:
    """What is asked, and the address of its n-th turn: never twice the same question."""
    last = samples // 50

    def samples_of(**filters: object) -> str:
        named = {"eval": EVAL, "model": TUNED, "other": "none", **filters}
        return "/runs/large/samples?" + urlencode(named)

    def one(turn: int) -> str:
        number = turn * 7919 % samples
        return f"/runs/large/samples/{EVAL}/tickets.heldout.{number}?other={BASE}"

    return {
        "first page": lambda turn: samples_of(),
        "middle page": lambda turn: samples_of(page=last // 2 + turn),
        "last page": lambda turn: samples_of(page=last - turn),
        "wrong answers": lambda turn: samples_of(state="wrong", page=1 + turn),
        "one label": lambda turn: samples_of(label=LABELS[turn % 5]),
        "slowest first": lambda turn: samples_of(sort="-latency", page=1 + turn),
        "flips, last page": lambda turn: samples_of(other=BASE, state="broken", page=10**6 - turn),
        "a word (1 in 4)": lambda turn: samples_of(words=WORDS[turn]),
        "a word and flipped": lambda turn: samples_of(
            words=f"{WORDS[50 + turn]} {WORDS[turn]}", other=BASE, state="fixed"
        ),
        "a word in all": lambda turn: samples_of(words="the", other=BASE, page=1 + turn),
        "no such word": lambda turn: samples_of(words=f"nothing{turn}", other=BASE),
        "all models": lambda turn: samples_of(other=BASE, view="models", page=1 + turn),
        "one sample": one,
    }


def measured(view: Viewer, address: Callable[[int], str], rounds: int) -> list[float]:
    """Milliseconds of each request."""
    times = []
    for turn in range(rounds):
        began = time.perf_counter()
        view.get(address(turn))
        times.append(1000 * (time.perf_counter() - began))
    return times


def main() -> int:
    """Print the tables; 1 where a page took longer than the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    with TemporaryDirectory() as place:
        root, cache = Path(place) / "runs", Path(place) / "cache"
        write_run(root / "large", asked.samples)
        return _report(root, cache, asked.samples, asked.rounds)


def _report(root: Path, cache: Path, samples: int, rounds: int) -> int:
    page = "/runs/large/samples"
    with viewer(root, cache) as view:
        before_mb, before_s = view.memory_mb(), view.cpu_s()
        began = time.perf_counter()
        view.get(page)
        first_s = time.perf_counter() - began
        took_s = first_s + indexed(view, page)
        cpu_s, peak_mb = view.cpu_s() - before_s, view.memory_mb("VmHWM")
    journal = (root / "large" / "journal.jsonl").stat().st_size / 1e6
    index = sum(file.stat().st_size for file in cache.rglob("*.sqlite*")) / 1e6
    print(
        f"{samples:,} samples x 2 models, journal {journal:.0f} MB, load {os.getloadavg()[0]:.1f}"
    )
    print(f"index: {index:.0f} MB, first page after {first_s:.2f} s, whole after {took_s:.1f} s")
    print(
        f"indexing took {cpu_s:.1f} s of CPU; memory {before_mb:.0f} MB, at most {peak_mb:.0f} MB"
    )
    with viewer(root, cache) as view:
        cold_ms = measured(view, lambda turn: page, 1)[0]
        print(f"opened again: first page after {cold_ms:.0f} ms\n")
        print("| page | median ms | longest ms | CPU ms |\n| --- | --- | --- | --- |")
        worst = 0.0
        for name, address in pages(samples).items():
            before_s = view.cpu_s()
            times = measured(view, address, rounds)
            cpu_ms = 1000 * (view.cpu_s() - before_s) / rounds
            worst = max(worst, *times)
            row = (name, f"{statistics.median(times):.0f}", f"{max(times):.0f}", f"{cpu_ms:.0f}")
            print(f"| {' | '.join(row)} |", flush=True)
        print(f"\nmemory after all of it: {view.memory_mb():.0f} MB")
    return int(worst > GOAL_MS)


if __name__ == "__main__":
    sys.exit(main())
