"""Any callable answers: what it returns is a completion, what it raises a failure."""

from __future__ import annotations

import asyncio
import threading

import pytest

from harness.errors import (
    NoText,
    RateLimited,
    RequestRejected,
    ServerUnreachable,
    TimedOut,
    UsageError,
)
from harness.models.function import FunctionProvider, function_name
from harness.records import Completion, Request, Sampling, Usage

ASKED = Request("m", ({"role": "user", "content": "2+2?"},), sample_id="s.1")


async def test_a_coroutine_function_is_awaited_with_the_request() -> None:
    async def answer(request: Request) -> str:
        return f"{request.sample_id}: {request.messages[-1]['content']}"

    async with FunctionProvider(answer) as provider:
        (said,) = await provider.complete(ASKED)
    assert said.text == "s.1: 2+2?"
    assert said.latency_s > 0


async def test_a_parameter_called_messages_gets_these() -> None:
    def answer(messages: list[dict[str, str]]) -> str:
        return messages[0]["content"]

    (said,) = await FunctionProvider(answer).complete(ASKED)
    assert said.text == "2+2?"


async def test_a_completion_is_taken_as_it_is() -> None:
    whole = Completion("4", "length", Usage(3, 1), latency_s=2.0)
    (said,) = await FunctionProvider(lambda request: whole).complete(ASKED)
    assert said == whole


async def test_a_plain_function_does_not_stop_the_loop() -> None:
    threads: list[int] = []

    def answer(request: Request) -> str:
        threads.append(threading.get_ident())
        return "4"

    await FunctionProvider(answer).complete(ASKED)
    assert threads != [threading.get_ident()]


async def test_an_object_with_an_async_call_is_awaited() -> None:
    class Model:
        async def __call__(self, request: Request) -> str:
            return "4"

    (said,) = await FunctionProvider(Model()).complete(ASKED)
    assert said.text == "4"


async def test_several_choices_are_asked_one_by_one() -> None:
    seen: list[tuple[int, int]] = []

    async def answer(request: Request) -> str:
        seen.append((request.repeat, request.sampling.n))
        return str(request.repeat)

    asked = Request("m", ASKED.messages, Sampling(n=3), repeat=2)
    said = await FunctionProvider(answer).complete(asked)
    assert [one.text for one in said] == ["6", "7", "8"]
    assert seen == [(6, 1), (7, 1), (8, 1)]


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (ValueError("no such key"), RequestRejected),
        (TimeoutError(), TimedOut),
        (ConnectionResetError("gone"), ServerUnreachable),
        (RateLimited("slow down"), RateLimited),
    ],
)
async def test_what_it_raises_is_an_error_of_ours(raised: Exception, becomes: type) -> None:
    async def answer(request: Request) -> str:
        raise raised

    with pytest.raises(becomes):
        await FunctionProvider(answer).complete(ASKED)


async def test_anything_but_text_is_said_to_be_none() -> None:
    def answer(request: Request) -> dict[str, str]:
        return {}

    with pytest.raises(NoText, match="answer returned dict; return a str"):
        await FunctionProvider(answer).complete(ASKED)  # type: ignore[arg-type]


@pytest.mark.parametrize("function", ["gpt", 3, lambda: "4", lambda a, b: "4"])
def test_what_cannot_be_called_with_one_argument_is_refused(function: object) -> None:
    with pytest.raises(UsageError):
        FunctionProvider(function)  # type: ignore[arg-type]


def test_a_lambda_has_a_name_fit_for_a_report() -> None:
    assert function_name(lambda request: "4") == "function"


async def test_with_a_home_it_runs_in_that_loop() -> None:
    home, loops = asyncio.get_running_loop(), []

    async def answer(request: Request) -> str:
        loops.append(asyncio.get_running_loop())
        return "4"

    provider = FunctionProvider(answer, home)
    await asyncio.to_thread(lambda: asyncio.run(_ask(provider)))
    assert loops == [home]


async def _ask(provider: FunctionProvider) -> None:
    await provider.complete(ASKED)
