"""The embedded provider: the server's answers without a socket, beside the event loop."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

from harness.embedded.workshop import Workshop
from harness.errors import ModelNotFound, RequestRejected
from harness.models.embedded import EmbeddedProvider
from harness.records import Request, Sampling

MESSAGES = ({"role": "user", "content": "the courier was late, what is the topic?"},)


def request(model: str = "tiny-base", **sampling: Any) -> Request:
    options = {"temperature": 1.0, "seed": 3} | sampling
    return Request(model, MESSAGES, Sampling(**options))


async def test_answers_equal_the_servers_bit_for_bit(
    workshop: Workshop, embedded_server: str
) -> None:
    async with (
        EmbeddedProvider(workshop) as provider,
        openai.AsyncOpenAI(base_url=embedded_server, api_key="none") as client,
    ):
        here = await provider.complete(request(n=5, logprobs=2, max_tokens=16))
        reply = await client.chat.completions.create(
            model="tiny-base",
            messages=list(MESSAGES),  # type: ignore[arg-type]
            temperature=1.0,
            seed=3,
            n=5,
            logprobs=True,
            top_logprobs=2,
            max_tokens=16,
        )
    there = reply.choices
    assert [completion.text for completion in here] == [c.message.content for c in there]
    assert [completion.finish_reason for completion in here] == [c.finish_reason for c in there]
    for completion, choice in zip(here, there, strict=True):
        assert choice.logprobs is not None
        assert choice.logprobs.content is not None
        assert completion.logprobs is not None
        assert list(completion.logprobs) == [t.model_dump() for t in choice.logprobs.content]


async def test_completions_equal_the_servers_too(workshop: Workshop, embedded_server: str) -> None:
    asked = Request("tiny-base", MESSAGES, Sampling(seed=3, n=2), endpoint="completions")
    async with (
        EmbeddedProvider(workshop) as provider,
        openai.AsyncOpenAI(base_url=embedded_server, api_key="none") as client,
    ):
        here = await provider.complete(asked)
        reply = await client.completions.create(
            model="tiny-base", prompt=MESSAGES[0]["content"], seed=3, n=2
        )
    assert [completion.text for completion in here] == [c.text for c in reply.choices]


async def test_usage_and_latency_are_reported(workshop: Workshop) -> None:
    async with EmbeddedProvider(workshop) as provider:
        first, second = await provider.complete(request(n=2))
    assert first.usage is not None
    assert first.usage.prompt_tokens > 5
    assert second.usage is not None
    assert second.usage.prompt_tokens == 0
    assert first.latency_s > 0


async def test_concurrent_requests_do_not_disturb_each_other(workshop: Workshop) -> None:
    async with EmbeddedProvider(workshop) as provider:
        together = await asyncio.gather(*(provider.complete(request(seed=s)) for s in range(10)))
        alone = [await provider.complete(request(seed=s)) for s in range(10)]
    assert [found[0].text for found in together] == [found[0].text for found in alone]


async def test_the_event_loop_runs_on_while_the_network_computes(workshop: Workshop) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with EmbeddedProvider(workshop) as provider:
        counting = asyncio.create_task(count())
        await provider.complete(request(n=64, max_tokens=64))
        counting.cancel()
    assert turns > 10


async def test_an_unknown_model_names_the_nearest(workshop: Workshop) -> None:
    async with EmbeddedProvider(workshop) as provider:
        with pytest.raises(ModelNotFound, match=r"'tiny-bas'.*tiny-base"):
            await provider.complete(request(model="tiny-bas"))


async def test_a_request_that_cannot_be_met_is_rejected(workshop: Workshop) -> None:
    async with EmbeddedProvider(workshop) as provider:
        with pytest.raises(RequestRejected, match="'n'"):
            await provider.complete(request(n=1000))
        long = Request("tiny-base", ({"role": "user", "content": "qwzx " * 50},))
        with pytest.raises(RequestRejected, match="context is 96 tokens"):
            await provider.complete(long)
