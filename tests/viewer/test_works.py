"""Slow things are made once, and never twice at a time."""

from __future__ import annotations

import asyncio
from threading import Event

import pytest

from harness.errors import RunFolderError
from harness.viewer.works import MOST_KEPT, Works


async def test_a_quick_thing_comes_at_once_and_is_made_once() -> None:
    works, made = Works(), []
    for _ in range(3):
        assert await works.result("key", lambda: made.append(1) or "page", 60) == "page"
    assert made == [1]


async def test_a_slow_thing_is_said_to_be_under_way_until_it_is_there() -> None:
    works, go_on, begun = Works(), Event(), []

    def make() -> str:
        begun.append(1)
        go_on.wait(60)
        return "page"

    assert await works.result("key", make, 0) is None
    assert await works.result("key", make, 0) is None
    go_on.set()
    assert await works.result("key", make, 60) == "page"
    assert begun == [1]


async def test_an_error_is_told_and_tried_again() -> None:
    works, answers = Works(), iter([RunFolderError("broken"), "mended"])

    def make() -> str:
        one = next(answers)
        if isinstance(one, Exception):
            raise one
        return one

    with pytest.raises(RunFolderError, match="broken"):
        await works.result("key", make, 60)
    assert await works.result("key", make, 60) == "mended"


async def test_what_was_asked_for_longest_ago_is_forgotten() -> None:
    works, made = Works(), []
    for n in range(MOST_KEPT + 2):
        await works.result(n, lambda n=n: made.append(n) or "page", 60)
    await works.result(0, lambda: made.append(0) or "page", 60)
    await works.result(MOST_KEPT + 1, lambda: made.append(-1) or "page", 60)
    assert made == [*range(MOST_KEPT + 2), 0]


async def test_waiting_does_not_hold_up_others() -> None:
    works, go_on = Works(), Event()
    slow = asyncio.ensure_future(works.result("slow", lambda: str(go_on.wait(60)), 60))
    assert await works.result("quick", lambda: "page", 60) == "page"
    go_on.set()
    assert await slow == "True"


async def test_what_goes_on_is_made_anew_after_a_while_and_never_twice_at_a_time() -> None:
    now, go_on, made = [0.0], Event(), []
    works = Works(clock=lambda: now[0])

    def make() -> str:
        go_on.wait(60)
        made.append(1)
        return str(len(made))

    assert await works.result("key", make, 0, fresh_s=60) is None
    now[0] = 100.0  # it takes longer than it stays fresh
    assert await works.result("key", make, 0, fresh_s=60) is None
    go_on.set()
    while await works.result("key", make, 60) is None:
        pass
    assert made == [1]
    assert await works.result("key", make, 60, fresh_s=60) == "2"
    now[0] = 150.0
    assert await works.result("key", make, 60, fresh_s=60) == "2"
