"""The two clients that are functions of ours, in a process of their own.

``python -m benchmarks.runner.own_clients floor|runner URL FILE CONCURRENCY``
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

MODEL = "stand-in"


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)


async def floor(url: str, path: Path, concurrency: int) -> int:
    """A bare aiohttp loop: read, ask, compare."""
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


async def runner(url: str, path: Path, concurrency: int) -> int:
    """The harness without its command: provider, limits, retries, grader and journal."""
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


def main(which: str, url: str, file: str, concurrency: str) -> None:
    """Run one of them to its end; every answer has to be right."""
    path, client = Path(file), {"floor": floor, "runner": runner}[which]
    if which == "runner":
        from harness.running.loop import driven

        right = driven(client(url, path, int(concurrency)))
    else:
        right = asyncio.run(client(url, path, int(concurrency)))
    assert right == sum(1 for _ in lines(path)), f"{right} right answers"


if __name__ == "__main__":
    main(*sys.argv[1:])
