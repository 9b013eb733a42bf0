"""What the runner's tests run: small cases, a grader, and a provider that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import pytest

from harness.graders.base import Grader
from harness.records import Completion, Request, Sample, Sampling, Score, Usage
from harness.running.journal import Journal
from harness.running.retries import Limits
from harness.running.runner import Case


@dataclass
class Echo:
    """Answers ``prompt#choice``; raises the errors that a prompt still has in ``faults``."""

    faults: dict[str, list[Exception]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    on_request: Callable[[str], None] = lambda prompt: None

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        prompt = request.messages[-1]["content"]
        self.asked.append(prompt)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            self.on_request(prompt)
            await asyncio.sleep(0)
        finally:
            self.in_flight -= 1
        if self.faults.get(prompt):
            raise self.faults[prompt].pop(0)
        return tuple(
            Completion(f"{prompt}#{choice}", "stop", Usage(0, 0) if choice else Usage(5, 2))
            for choice in range(request.sampling.n)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


@dataclass(frozen=True)
class Even:
    """1 for the even questions; raises what it is given."""

    needs_ideal: ClassVar[bool] = False
    raises: Exception | None = None

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        if self.raises is not None:
            raise self.raises
        return Score(float(int(sample.id) % 2 == 0), label=completion.text)


def cases_of(
    count: int, n: int = 1, repeat: int = 0, grader: Grader | None = None
) -> Iterator[Case]:
    """Cases of eval ``e`` for model ``m``: the sample and the prompt of number i are ``i``."""
    graders = {"even": grader or Even()}
    for number in range(count):
        messages = ({"role": "user", "content": str(number)},)
        request = Request("m", messages, Sampling(n=n), repeat)
        yield Case("e", Sample(str(number), messages), request, graders)


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def cases() -> Callable[..., Iterator[Case]]:
    return cases_of


@pytest.fixture
def even() -> Callable[..., Even]:
    return Even


@pytest.fixture
def at_once() -> Callable[..., Limits]:
    """Limits without waiting."""

    def limits(**fields: Any) -> Limits:
        return Limits(**{"first_wait_s": 0.0, "concurrency": 4, **fields})

    return limits


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.jsonl", "run") as journal:
        yield journal
