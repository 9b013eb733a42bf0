"""Kill -9 at random moments, under faults, resumed each time: is anything lost or asked twice?

``python benchmarks/soak.py [--kills 50] [--samples 5000]``. The run is `harness run` as users run
it, against ``faulty_server.py``. It has to end with the report of an undisturbed run, every
sample graded once, and no more answers asked for again than were in flight at the kills.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.faulty_server import SOAK, answer_text

HERE = Path(__file__).parent
CONCURRENCY = 32
TIMEOUT_S = 1.0
KEY = "sk-planted-soak-0123456789"
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Server:
    """The faulty server, over HTTP."""

    port: int

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return f"http://127.0.0.1:{self.port}/v1"

    def tell(self, path: str, body: object) -> None:
        """POST to a control route."""
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        urlopen(Request(f"http://127.0.0.1:{self.port}/{path}", data, headers)).close()

    def stats(self) -> dict[str, object]:
        """What it has answered."""
        with urlopen(f"http://127.0.0.1:{self.port}/stats") as answer:
            return dict(json.load(answer))


@contextmanager
def served(latency_ms: float) -> Iterator[Server]:
    """A faulty server in a process of its own."""
    words = [sys.executable, str(HERE / "faulty_server.py"), "--latency", str(latency_ms)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(words, text=True, **pipes) as process:
        try:
            assert process.stdout is not None
            yield Server(int(process.stdout.readline().split()[1]))
        finally:
            process.kill()


@dataclass(frozen=True)
class Soak:
    """One eval in a folder, asked of a server by the command line."""

    folder: Path
    server: Server

    def prepare(self, samples: int) -> None:
        """Write the eval and its samples; the ideal is what the server would say if it knew."""
        registry = self.folder / "reg"
        (registry / "evals").mkdir(parents=True)
        (registry / "data").mkdir()
        spec = "soak.dev.v1:\n  class: evals.elsuite.basic.match:Match\n"
        (registry / "evals" / "soak.yaml").write_text(
            spec + "  args: {samples_jsonl: soak.jsonl}\n"
        )
        with (registry / "data" / "soak.jsonl").open("w") as file:
            for number in range(samples):
                prompt = f"Question {number} of the soak?"
                right = answer_text(prompt)
                ideal = right if right.startswith("ANSWER") else "ANSWER"
                line = {"input": [{"role": "user", "content": prompt}], "ideal": ideal}
                file.write(json.dumps(line) + "\n")

    def start(self, out: str, *, resume: bool) -> subprocess.Popen[str]:
        """The command in a process of its own."""
        words = ["run", "soak.dev.v1", "-m", "soak", "--base-url", self.server.url]
        words += ["--registry", "reg", "--out", "run", "--timeout", str(TIMEOUT_S)]
        words += ["--concurrency", str(CONCURRENCY), "--cache", "off"]
        words += ["--resume"] if resume else []
        where = self.folder / out
        where.mkdir(exist_ok=True)
        link = where / "reg"
        if not link.exists():
            link.symlink_to(self.folder / "reg", target_is_directory=True)
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *words],
            cwd=where,
            env={**os.environ, "OPENAI_API_KEY": KEY, "HOME": str(self.folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def journal(self, out: str) -> Path:
        """The run's journal."""
        return self.folder / out / "run" / "journal.jsonl"

    def finish(self, out: str, *, resume: bool) -> None:
        """Run to the end."""
        process = self.start(out, resume=resume)
        _, err = process.communicate(timeout=600)
        if process.returncode != 0:
            raise SystemExit(f"the run failed ({process.returncode}):\n{err}")

    def kill_after(self, out: str, lines: int, delay_s: float, *, resume: bool) -> bool:
        """Start, and kill -9 when the journal holds so many lines; False when it ended before."""
        process = self.start(out, resume=resume)
        began = time.monotonic()
        while count_lines(self.journal(out)) < lines and process.poll() is None:
            if time.monotonic() - began > PATIENCE_S:
                break
            time.sleep(0.005)
        time.sleep(delay_s)
        is_running = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return is_running


def count_lines(path: Path) -> int:
    """Lines of a file that is being written; 0 before it exists."""
    try:
        return path.read_bytes().count(b"\n")
    except OSError:
        return 0


def report(soak: Soak, out: str) -> object:
    """The report without what depends on when and how often the command was given."""
    found = json.loads((soak.folder / out / "run" / "report.json").read_text())
    return without(found, {"latency", "command", "created_at", "first_answer_s"})


def without(value: object, names: set[str]) -> object:
    """A JSON value without the keys that hold times."""
    if isinstance(value, dict):
        return {k: without(v, names) for k, v in value.items() if k not in names}
    return [without(one, names) for one in value] if isinstance(value, list) else value


def graded(journal: Path) -> Counter[str]:
    """How often each sample has an answer in the journal."""
    lines = (json.loads(line) for line in journal.read_bytes().splitlines()[1:])
    return Counter(line["sample_id"] for line in lines if line.get("completion"))


def soak(kills: int, samples: int, latency_ms: float, seed: int) -> dict[str, object]:
    """Run undisturbed, then killed again and again; say what differs.

    Raises:
        SystemExit: something was lost, asked too often, or reported differently.
    """
    draw = random.Random(seed)
    moments = sorted(draw.sample(range(1, samples), kills))
    with tempfile.TemporaryDirectory() as name, served(latency_ms) as server:
        run = Soak(Path(name), server)
        run.prepare(samples)
        run.finish("calm", resume=False)
        server.tell("reset", {})
        server.tell("faults", SOAK)
        done = 0
        for moment in moments:
            resume = run.journal("rough").exists()
            delay_s = draw.choice((0.0, 0.0, 0.05, 0.3))
            done += run.kill_after("rough", moment, delay_s, resume=resume)
        run.finish("rough", resume=run.journal("rough").exists())
        run.finish("rough", resume=True)
        stats = server.stats()
        marks = graded(run.journal("rough"))
        planted = [
            p for p in Path(name).rglob("*") if p.is_file() and KEY.encode() in p.read_bytes()
        ]
        problems = [
            (report(run, "calm") != report(run, "rough"), "the reports differ"),
            (len(marks) != samples, f"{samples - len(marks)} samples have no answer"),
            (max(marks.values()) > 1, "a sample was graded twice"),
            (int(str(stats["again"])) > done * CONCURRENCY, "more was asked again than in flight"),
            (bool(planted), f"the key stands in {planted}"),
        ]
    for is_wrong, what in problems:
        if is_wrong:
            raise SystemExit(f"soak: {what}; {stats}")
    return {"kills": done, "samples": samples, "in flight at most": done * CONCURRENCY, **stats}


def main() -> int:
    """Soak and print what was seen."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--samples", type=int, default=5000)
    options.add_argument("--latency", type=float, default=20.0, help="milliseconds")
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    began = time.monotonic()
    found = soak(given.kills, given.samples, given.latency, given.seed)
    for name, value in found.items():
        print(f"{name}: {value}")
    print(f"soak: nothing lost, nothing graded twice, {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
