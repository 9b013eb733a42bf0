"""A function of the caller's own as a provider: whatever it does, its answers are completions."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, cast

from harness.errors import (
    NoText,
    ProviderError,
    RequestRejected,
    ServerUnreachable,
    TimedOut,
    UsageError,
)
from harness.models.base import AlwaysOpen
from harness.records import Completion, Request

FUNCTION = "function"
"""The provider's name in studies and reports."""

Said = str | Completion
Replied = Said | Awaitable[Said]
Answer = Callable[[Request], Replied] | Callable[[list[dict[str, Any]]], Replied]
"""Takes a Request, or the messages alone where its parameter is called ``messages``."""

MESSAGES = "messages"


@dataclass(eq=False)
class FunctionProvider(AlwaysOpen):
    """Asks a function, once for each choice.

    A coroutine function runs in ``home``, an event loop that runs in another thread, or in the
    loop that asks; any other function runs in a thread of its own. What it raises is a failure
    of the sample: nothing answered in time or at all is tried again, the rest is not.

    Raises:
        UsageError: what is given cannot be called with one argument.
    """

    function: Answer
    home: asyncio.AbstractEventLoop | None = None
    _takes_messages: bool = field(init=False)
    _is_async: bool = field(init=False)

    def __post_init__(self) -> None:
        self._takes_messages = _parameter(self.function) == MESSAGES
        self._is_async = inspect.iscoroutinefunction(self.function) or (
            inspect.iscoroutinefunction(getattr(self.function, "__call__", None))  # noqa: B004
        )

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        """Ask for each choice on its own, all at the same time.

        Raises:
            ProviderError: what the function raised, or that it returned no text.
        """
        n = request.sampling.n
        alone = replace(request.sampling, n=1)
        asked = (
            replace(request, sampling=alone, repeat=request.repeat * n + choice)
            for choice in range(n)
        )
        return tuple(await asyncio.gather(*map(self._one, asked)))

    async def _one(self, request: Request) -> Completion:
        began_s = time.perf_counter()
        try:
            said = await self._call(request)
        except ProviderError:
            raise
        except TimeoutError as error:
            raise TimedOut(f"{self._name}: {error or 'timed out'}") from error
        except ConnectionError as error:
            raise ServerUnreachable(f"{self._name}: {error}") from error
        except Exception as error:  # whatever the caller's code raises is this sample's failure
            raise RequestRejected(f"{self._name}: {type(error).__name__}: {error}") from error
        return self._completion(said, time.perf_counter() - began_s)

    async def _call(self, request: Request) -> object:
        argument: Any = list(map(dict, request.messages)) if self._takes_messages else request
        function = cast("Callable[[Any], Any]", self.function)
        if not self._is_async:
            said = await asyncio.to_thread(function, argument)
            return await said if inspect.isawaitable(said) else said
        work = cast("Coroutine[Any, Any, Any]", function(argument))
        if self.home is None:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.home))

    def _completion(self, said: object, latency_s: float) -> Completion:
        if isinstance(said, str):
            return Completion(said, "stop", latency_s=latency_s)
        if isinstance(said, Completion):
            return said if said.latency_s else replace(said, latency_s=latency_s)
        kind = type(said).__name__
        raise NoText(f"{self._name} returned {kind}; return a str or a harness.Completion")

    @property
    def _name(self) -> str:
        return function_name(self.function)


def function_name(function: object) -> str:
    """What a function is called in reports."""
    name = getattr(function, "__name__", None) or type(function).__name__
    return FUNCTION if name == "<lambda>" else str(name)


def _parameter(function: object) -> str:
    """The name of the one argument that a function takes.

    Raises:
        UsageError: it cannot be called with one argument.
    """
    if not callable(function):
        raise UsageError(f"{function!r:.60} cannot be called; give a function or a model's name")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # one of C
        return ""
    try:
        bound = signature.bind(None)
    except TypeError as error:
        raise UsageError(
            f"{function_name(function)}{signature}: {error}; it is called with one argument, "
            "the request, or the messages where that is its name"
        ) from error
    return next(iter(bound.arguments), "")
