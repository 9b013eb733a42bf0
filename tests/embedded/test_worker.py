"""A worker's tasks are done in order, and closing waits for them."""

from __future__ import annotations

import time

from harness.embedded.worker import Worker


def test_tasks_are_done_in_order_and_closing_waits_for_the_last() -> None:
    done = []

    def slowly(task: int) -> None:
        time.sleep(0.01)
        done.append(task)

    worker = Worker(slowly)
    for task in range(1, 6):
        worker.give(task)
    worker.close()
    assert done == [1, 2, 3, 4, 5]
    worker.close()


def test_one_that_got_nothing_closes_at_once() -> None:
    Worker(print).close()
