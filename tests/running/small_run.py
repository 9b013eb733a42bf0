"""A run in a process of its own, for tests that end it: small_run.py URL JOURNAL [FILE_LIMIT]."""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

from harness.errors import HarnessError
from harness.graders.text import Includes
from harness.models.openai import OpenAIProvider
from harness.records import Request, Sample, Sampling
from harness.running.journal import Journal
from harness.running.retries import Limits
from harness.running.runner import Case, run_cases

SAMPLES, REPEATS, CHOICES, CONCURRENCY = 60, 2, 2, 8
KEY = "sk-geheim-0123456789"


def cases() -> Iterator[Case]:
    graders = {"includes": Includes()}
    for number in range(SAMPLES):
        messages = ({"role": "user", "content": f"Question {number}?"},)
        sample = Sample(f"small.dev.{number}", messages, ("7",))
        for repeat in range(REPEATS):
            request = Request("m", messages, Sampling(n=CHOICES, seed=repeat), repeat)
            yield Case("small", sample, request, graders)


async def run(url: str, path: Path) -> None:
    limits = Limits(CONCURRENCY, first_wait_s=0.01)
    with Journal.open(path, "run", resume=True) as journal:
        async with OpenAIProvider(url, KEY) as provider:
            tally = await run_cases(cases(), provider, journal, limits=limits)
    print(tally.answered, tally.skipped)


if __name__ == "__main__":
    if len(sys.argv) > 3:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
    try:
        asyncio.run(run(sys.argv[1], Path(sys.argv[2])))
    except HarnessError as error:
        sys.exit(f"{type(error).__name__}: {error}")
