"""Work is driven to its end on whichever loop there is."""

from __future__ import annotations

import asyncio
import sys
import threading
from types import SimpleNamespace

import pytest

from harness.running.loop import Stop, driven


async def loop_name() -> str:
    await asyncio.sleep(0)
    return type(asyncio.get_running_loop()).__name__


def test_work_is_driven_without_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert driven(loop_name()) == "_UnixSelectorEventLoop"


def test_uvloop_is_taken_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fast(asyncio.SelectorEventLoop):
        pass

    monkeypatch.setitem(sys.modules, "uvloop", SimpleNamespace(new_event_loop=Fast))
    assert driven(loop_name()) == "Fast"


def test_another_thread_stops_the_work() -> None:
    stop, ended = Stop(), []

    async def long() -> None:
        threading.Timer(0.1, stop.now).start()
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    with pytest.raises(asyncio.CancelledError):
        driven(long(), stop)
    assert ended == [True]


def test_work_that_was_stopped_before_it_began_does_not_begin() -> None:
    stop = Stop()
    stop.now()
    with pytest.raises(asyncio.CancelledError):
        driven(loop_name(), stop)


def test_stopping_what_has_ended_does_nothing() -> None:
    stop = Stop()
    assert driven(loop_name(), stop)
    stop.now()
