"""One thread that does what it is given, in order.

Ctrl-C may come wherever the main thread calls something. Locks that are taken and given back in C
(``with lock:`` on ``Lock`` and ``RLock``) cannot be left locked by it, and queues in C stay whole;
``Condition``, a lock held across a ``yield`` and ``Thread.start`` are written in Python and can be
left half done. So what the main thread shares with a worker is made of the former alone.
"""

from __future__ import annotations

from _thread import start_new_thread
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock
from typing import Generic, TypeVar

Task = TypeVar("Task")


class Worker(Generic[Task]):
    """Does tasks, one after the other; ``do`` answers for its own errors."""

    def __init__(self, do: Callable[[Task], None]) -> None:
        self._do = do
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._ended: SimpleQueue[None] = SimpleQueue()
        self._lock = Lock()
        self._begun = False

    def give(self, task: Task) -> None:
        """Add a task, and begin with the first."""
        self._tasks.put(task)
        with self._lock:
            if not self._begun:
                self._begun = True
                start_new_thread(self._work, ())

    def close(self) -> None:
        """Wait until all that it was given is done."""
        self._tasks.put(None)
        if self._begun:
            self._ended.put(self._ended.get())  # kept, for whoever closes it again

    def _work(self) -> None:
        try:
            while (task := self._tasks.get()) is not None:
                self._do(task)
        finally:
            self._ended.put(None)
