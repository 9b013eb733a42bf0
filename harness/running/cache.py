"""Answers kept across runs, so that nobody pays for the same one twice.

One SQLite file holds hashes of requests and what was answered to them: no key, no prompt, no
address. Several processes may use it at once. It never decides what a run consists of (that is
the journal's) and never ends one: what goes wrong with the file is a note, and the run goes on
without it. Only answers are kept, never failures.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from harness.records import Completion, Usage
from harness.running.cache_file import LOCKED_FOR_S, Table, file_in

Answer = tuple[Completion, ...]

LARGEST_BYTES = 10**9
WRITE_EVERY_S = 0.2
USED_AGAIN_AFTER_S = 3600
"""An answer's last use is noted at most this often, so that reading causes few writes."""


@dataclass(eq=False)
class Cache:
    """The answers in ``folder``; use it as a context manager, before and after it knows nothing.

    ``get`` and ``put`` belong to one thread and never wait for the disk to be written: a thread
    of the cache's own writes every ``WRITE_EVERY_S`` seconds, and once more at the end. Answers
    that were not used for longest go first where the file outgrows ``largest_bytes``.
    ``notes`` says why answers are not kept.
    """

    folder: Path
    largest_bytes: int = LARGEST_BYTES
    clock: Callable[[], float] = time.time
    notes: list[str] = field(default_factory=list)
    _is_open: bool = False
    _table: Table | None = field(default=None, repr=False)
    _writer: threading.Thread | None = field(default=None, repr=False)
    _ended: threading.Event = field(default_factory=threading.Event, repr=False)
    _swapping: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _new: dict[bytes, Answer] = field(default_factory=dict, repr=False)
    _leaving: dict[bytes, Answer] = field(default_factory=dict, repr=False)
    _used: set[bytes] = field(default_factory=set, repr=False)

    def get(self, key: bytes) -> Answer | None:
        """The answer kept under a key, if there is one."""
        if not self._is_open:
            return None
        # In this order: an answer only ever moves from the first of these to the last.
        found = self._new.get(key) or self._leaving.get(key)
        if found is not None:
            return tuple(map(_replayed, found))
        row = self._row(key)
        if row is None:
            return None
        packed, used = row
        if self.clock() - used > USED_AGAIN_AFTER_S:
            with self._swapping:
                self._used.add(key)
        return unpacked(packed)

    def put(self, key: bytes, answer: Answer) -> None:
        """Keep an answer; one that is itself replayed is kept already, or is no model's."""
        if not self._is_open or not answer or any(one.replayed for one in answer):
            return
        with self._swapping:
            self._new[key] = answer

    def holds(self, key: bytes) -> bool:
        """Whether an answer is kept; looking is no use."""
        return self._row(key) is not None

    @property
    def is_there(self) -> bool:
        """Whether there is a file; opening makes one."""
        return os.path.isfile(file_in(self.folder))

    def __enter__(self) -> Self:
        try:
            self._table = Table.open(file_in(self.folder), wait_s=0.1)
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)
            return self
        self._is_open = True
        self._ended.clear()
        self._writer = threading.Thread(target=self._write_regularly, name="cache", daemon=True)
        self._writer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._writer is not None:
            self._writer.join()
            self._writer = None
        self._is_open = False
        if self._table is not None:
            self._table.close()
            self._table = None

    def _row(self, key: bytes) -> tuple[bytes, int] | None:
        if self._table is None or not self._is_open:
            return None
        try:
            return self._table.row(key)
        except sqlite3.Error as error:
            self._give_up(error)
            return None

    def _give_up(self, error: Exception) -> None:
        """Do without the cache from now on."""
        self._is_open = False
        self.notes.append(
            f"{self.folder}: the cache cannot be used ({error}); answers are asked for and not "
            "kept. If it is broken: harness cache clear"
        )

    # --- the writing thread ----------------------------------------------------------

    def _write_regularly(self) -> None:
        try:
            with closing(Table.open(file_in(self.folder), wait_s=LOCKED_FOR_S)) as table:
                is_last = False
                while not is_last and self._is_open:
                    is_last = self._ended.wait(WRITE_EVERY_S)
                    self._write(table)
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def _write(self, table: Table) -> None:
        with self._swapping:
            self._leaving, self._new = self._new, {}
            used, self._used = self._used, set()
        if self._leaving or used:
            table.write(_packed_answers(self._leaving), used, int(self.clock()))
            table.trim(self.largest_bytes)
        self._leaving = {}


def _replayed(completion: Completion) -> Completion:
    return replace(completion, latency_s=0.0, replayed=True)


# --- an answer as bytes --------------------------------------------------------------


def _packed_answers(answers: Mapping[bytes, Answer]) -> dict[bytes, bytes]:
    """Answers as bytes; one that no JSON can be made of is not kept."""
    packed = {}
    for key, answer in answers.items():
        with suppress(TypeError):
            packed[key] = packed_answer(answer)
    return packed


def packed_answer(answer: Answer) -> bytes:
    """The choices of an answer as JSON, each as a list of what it says; how long it took is not.

    Raises:
        TypeError: a choice holds what JSON cannot say.
    """
    return orjson.dumps([_packed(one) for one in answer], default=dict)


def _packed(one: Completion) -> list[Any]:
    usage = one.usage and [one.usage.prompt_tokens, one.usage.completion_tokens]
    text = one.text.encode("utf-8", "replace").decode()
    return [text, one.finish_reason, usage, one.logprobs, one.tool_calls]


def unpacked(packed: bytes) -> Answer | None:
    """The answer again; None where the bytes hold none."""
    try:
        return tuple(_unpacked(*fields) for fields in orjson.loads(packed)) or None
    except (TypeError, ValueError):
        return None


def _unpacked(
    text: str,
    finish_reason: str | None,
    usage: list[int] | None,
    logprobs: list[Mapping[str, Any]] | None,
    tool_calls: list[Mapping[str, Any]],
) -> Completion:
    if not isinstance(text, str):
        raise TypeError("no text")
    return Completion(
        text,
        finish_reason,
        Usage(*usage) if usage else None,
        replayed=True,
        logprobs=None if logprobs is None else tuple(logprobs),
        tool_calls=tuple(tool_calls),
    )
