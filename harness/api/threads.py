"""Long work from any place: a script, a notebook whose loop runs already, or a coroutine.

A study runs its own event loop, so where one runs already it gets a thread. However the caller
is interrupted, the study ends as by Ctrl-C on a terminal: what was answered is in its journal.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

from harness.running.loop import Stop, is_in_a_loop

T = TypeVar("T")
Work = Callable[[Stop], T]

LOOK_UP_EVERY_S = 0.1


def in_sync(work: Work[T], note: str = "") -> T:
    """Do the work and wait for it, in a thread of its own where an event loop runs already.

    Raises:
        KeyboardInterrupt: it was stopped, and has ended in good order; ``note`` says what next.
    """
    try:
        return work(Stop()) if not is_in_a_loop() else _in_thread(work)
    except KeyboardInterrupt as error:
        if note:
            error.add_note(note)
        raise


def _in_thread(work: Work[T]) -> T:
    stop = Stop()
    ended: SimpleQueue[None] = SimpleQueue()

    def do() -> T:
        try:
            return work(stop)
        finally:
            ended.put(None)

    with ThreadPoolExecutor(1, "harness") as beside:
        future = beside.submit(contextvars.copy_context().run, do)
        try:
            _wait_for(ended)
        except KeyboardInterrupt:
            stop.now()
            _wait_for(ended)
            raise
        try:
            return future.result()
        except CancelledError:
            raise KeyboardInterrupt from None


def _wait_for(ended: SimpleQueue[None]) -> None:
    """Wait for a token, and look up regularly.

    The kernel may hand Ctrl-C to any thread, and Python acts on it once the main thread runs
    again: one that waits without end would never hear of it.
    """
    while True:
        try:
            return ended.get(timeout=LOOK_UP_EVERY_S)
        except Empty:
            continue


async def in_async(work: Work[T]) -> T:
    """Do the work in a thread while the loop goes on.

    Raises:
        CancelledError: the caller was cancelled; the thread has ended in good order.
    """
    stop = Stop()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "harness") as beside:
        future = loop.run_in_executor(beside, contextvars.copy_context().run, work, stop)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            stop.now()
            await asyncio.wait([future])
            with suppress(BaseException):  # how it ended is not asked for any more
                future.result()
            raise
