"""Work is driven to its end on whichever loop there is."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace

import pytest

from harness.running.loop import driven


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
