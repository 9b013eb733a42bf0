"""What the runner costs a sample, against a bare aiohttp loop that does the same in the same run.

``python benchmarks/bench_runner.py [--samples N] [--concurrency C] [--latency MS] [--rounds R]``

Cost is the CPU time (user and system) of the client process; marginal cost is that of N samples
less that of one, for each sample. Our side includes grading, journal, limits and retry logic.
Both clients run in turns and the best round counts, since other work only ever adds to a time.
``--server SCRIPT`` (or BENCH_SERVER) names another server that takes --port and --latency and
prints ``ready``; without it the stand-in beside this file answers.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

HERE = Path(__file__).parent
GOAL = 1.5
SYSTEM = "Read the question and reply with the single correct answer code and nothing else."
WORDS = ("the", "of", "river", "answer", "question", "model", "light", "paper", "seven", "window")
MODEL = "stand-in"


@dataclass(frozen=True)
class Cost:
    """What one client process took: CPU and wall-clock seconds, peak memory in MB."""

    cpu_s: float
    wall_s: float
    peak_mb: float


# --- the two clients -----------------------------------------------------------------


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)


async def floor(url: str, path: Path, concurrency: int) -> int:
    """A bare loop: read, ask, compare."""
    import aiohttp

    samples, right = lines(path), 0
    headers = {"Content-Type": "application/json", "Authorization": "Bearer x"}
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def work() -> None:
            nonlocal right
            for sample in samples:
                body = {"model": MODEL, "messages": sample["input"], "temperature": 0.0}
                data = orjson.dumps(body | {"max_tokens": 16})
                async with session.post(f"{url}/chat/completions", data=data) as response:
                    answer = orjson.loads(await response.read())
                text = answer["choices"][0]["message"]["content"]
                right += text == sample["ideal"]

        await asyncio.gather(*(work() for _ in range(concurrency)))
    return right


async def ours(url: str, path: Path, concurrency: int) -> int:
    """The harness: provider, runner, grader and journal."""
    from harness.graders.text import Match
    from harness.models.openai import OpenAIProvider
    from harness.records import Outcome, Request, Sample, Sampling
    from harness.running.journal import Journal
    from harness.running.retries import Limits
    from harness.running.runner import Case, Tally, run_cases

    graders, sampling = {"accuracy": Match()}, Sampling(temperature=0.0, max_tokens=16)

    class Marks:
        right = 0

        def observe(self, outcome: Outcome, tally: Tally) -> None:
            self.right += outcome.scores["accuracy"].value == 1.0

    def cases() -> Iterator[Case]:
        for number, line in enumerate(lines(path)):
            messages = tuple(line["input"])
            sample = Sample(f"bench.{number}", messages, (line["ideal"],))
            yield Case("bench", sample, Request(MODEL, messages, sampling), graders)

    marks, limits = Marks(), Limits(concurrency)
    with Journal.open(path.with_suffix(f".journal-{os.getpid()}"), "bench") as journal:
        async with OpenAIProvider(url, "x") as provider:
            await run_cases(cases(), provider, journal, limits=limits, observer=marks)
    return marks.right


# --- measuring -----------------------------------------------------------------------


def write_samples(path: Path, count: int) -> Path:
    from stand_in import answer_text

    words = random.Random(7)
    with path.open("wb") as file:
        for number in range(count):
            text = f"Question {number}: {' '.join(words.choices(WORDS, k=72))}?"
            messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
            file.write(orjson.dumps({"input": messages, "ideal": answer_text(text)}) + b"\n")
    return path


@contextmanager
def served(script: Path, latency_ms: float) -> Iterator[str]:
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


def cost(client: str, url: str, path: Path, concurrency: int) -> Cost:
    command = [sys.executable, __file__, "--client", client, "--url", url]
    command += ["--file", str(path), "--concurrency", str(concurrency)]
    started = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    if status:
        sys.exit(f"the client {client!r} failed")
    megabyte = 2**20 if sys.platform == "darwin" else 2**10
    return Cost(used.ru_utime + used.ru_stime, wall_s, used.ru_maxrss / megabyte)


def measure(given: argparse.Namespace) -> float:
    """Print the table; return ours over the floor."""
    best: dict[str, float] = {}
    with TemporaryDirectory() as folder, served(given.server, given.latency) as url:
        one = write_samples(Path(folder) / "one.jsonl", 1)
        many = write_samples(Path(folder) / "many.jsonl", given.samples)
        print(f"{'client':8}{'CPU ms/sample':>15}{'samples/s':>12}{'peak MB':>10}")
        for client in ("floor", "ours") * given.rounds:
            start = cost(client, url, one, given.concurrency)
            run = cost(client, url, many, given.concurrency)
            marginal_ms = (run.cpu_s - start.cpu_s) / given.samples * 1000
            rate = given.samples / (run.wall_s - start.wall_s)
            print(f"{client:8}{marginal_ms:15.3f}{rate:12.0f}{run.peak_mb:10.0f}")
            best[client] = min(marginal_ms, best.get(client, marginal_ms))
    return best["ours"] / best["floor"]


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    options.add_argument("--samples", type=int, default=5000)
    options.add_argument("--concurrency", type=int, default=64)
    options.add_argument("--latency", type=float, default=0.0, help="milliseconds")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument(
        "--server", type=Path, default=os.environ.get("BENCH_SERVER", HERE / "stand_in.py")
    )
    options.add_argument("--client", choices=("floor", "ours"), help=argparse.SUPPRESS)
    options.add_argument("--url", help=argparse.SUPPRESS)
    options.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args(arguments)
    if given.client:
        client = floor if given.client == "floor" else ours
        right = asyncio.run(client(given.url, given.file, given.concurrency))
        assert right == sum(1 for _ in lines(given.file)), f"{right} right answers"
        return 0
    ratio = measure(given)
    print(f"ours / floor = {ratio:.2f} (goal: at most {GOAL})")
    return int(ratio > GOAL)


if __name__ == "__main__":
    sys.exit(main())
