"""Real runs against real servers that bear only so much; all of them at the same time."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.hidden_limit import Bucket, cases_until, served, settled
from harness.models.openai import OpenAIProvider
from harness.running.gate import Gate
from harness.running.journal import Journal
from harness.running.limiter import Limiter
from harness.running.retries import Limits
from harness.running.runner import run_cases


@pytest.mark.long
async def test_a_hidden_limit_is_found_and_roughly_kept(tmp_path: Path) -> None:
    """A busy machine blurs it; ``benchmarks/bench_limiter.py`` holds the goals themselves."""
    servers = [Bucket(50, None), Bucket(50, b"1")]
    for rate, refused in await settled(servers, 8.0, tmp_path):
        assert 0 < rate <= 1.25
        assert refused < 0.1


async def test_caps_are_kept_at_any_concurrency(tmp_path: Path) -> None:
    server = Bucket(10_000, None, latency_s=0.001)
    began = time.monotonic()
    async with served(server), OpenAIProvider(server.url) as provider:
        with Journal.open(tmp_path / "j.jsonl", "run") as journal:
            limits = Limits(concurrency=16, rpm=6000)
            await run_cases(cases_until(began + 1.0), provider, journal, limits=limits)
    assert 0 < len(server.taken) <= 116  # 100 a second, and what was waiting at the end


async def test_a_place_given_to_someone_who_has_gone_is_given_back() -> None:
    gate = Gate(Limiter(1))
    assert gate.pass_now()
    assert not gate.pass_now()
    waiting = asyncio.create_task(gate.wait())
    await asyncio.sleep(0)
    gate.limiter.ended()
    gate.let_in()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert gate.limiter.in_flight == 0
    assert gate.pass_now()


async def test_the_urgent_go_first_and_others_in_their_order() -> None:
    gate = Gate(Limiter(1))
    gate.pass_now()
    went: list[str] = []

    async def go(name: str, urgent: bool) -> None:
        await gate.wait(urgent=urgent)
        went.append(name)
        gate.limiter.ended()
        gate.let_in()

    tasks = [asyncio.create_task(go(*one)) for one in (("a", False), ("b", False), ("c", True))]
    await asyncio.sleep(0)
    gate.limiter.ended()
    gate.let_in()
    await asyncio.gather(*tasks)
    assert went == ["c", "a", "b"]


async def test_those_who_wait_are_sent_away_with_the_reason() -> None:
    gate = Gate(Limiter(1))
    gate.pass_now()
    waiting = asyncio.create_task(gate.wait())
    await asyncio.sleep(0)
    gate.send_away(ValueError("no more"))
    with pytest.raises(ValueError, match="no more"):
        await waiting
