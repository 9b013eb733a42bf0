"""Answers kept across runs, so that nobody pays for the same one twice.

One SQLite file holds hashes of requests and what was answered to them: no key, no prompt, no
address. Several processes may use it at once. It never decides what a run consists of (that is
the journal's) and never ends one: what goes wrong with the file is a note, and the run goes on
without it. Only answers are kept, never failures.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from harness.errors import UsageError
from harness.models.base import Provider
from harness.records import Completion, Request, Sampling, Usage

LARGEST_BYTES = 10**9
FORMAT = 1
"""The version of the table; a file of another version is left alone."""

WRITE_EVERY_S = 0.2
LOCKED_FOR_S = 5.0
"""How long the writing thread waits for another process's writing."""

USED_AGAIN_AFTER_S = 3600
"""An answer's last use is noted at most this often, so that reading causes few writes."""

FEWER = 0.9
"""Where the file is too large, answers go until it is this share of what it may be."""

AT_A_TIME = 200

Answer = tuple[Completion, ...]


# --- which answers are kept ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model is asked: ``name`` tells servers apart, ``extra`` overrules the sampling."""

    name: str
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scope:
    """The place of each model; answers of a model without one are not kept."""

    others: Place | None = None
    models: Mapping[str, Place | None] = field(default_factory=dict)

    def place_of(self, model: str) -> Place | None:
        """Where the model is asked."""
        return self.models.get(model, self.others)


def is_sampled(sampling: Sampling, extra: Mapping[str, Any]) -> bool:
    """Whether the server draws by dice of its own: a temperature, and no seed."""
    said = {**sampling.extra, **extra}
    temperature = said.get("temperature", sampling.temperature)
    return said.get("seed", sampling.seed) is None and temperature != 0


def key_in(scope: Scope, request: Request, sampled: bool) -> bytes | None:
    """What the cache calls a request; None: its answer is not kept."""
    place = scope.place_of(request.model)
    if place is None or (not sampled and is_sampled(request.sampling, place.extra)):
        return None
    return blake2b(f"{request.key}{place.name}".encode(), digest_size=16).digest()


@dataclass(eq=False)
class CachingProvider:
    """Any provider, asked only for what the cache does not hold.

    It stands before the provider that waits and tries again, so that a hit waits for nobody.
    ``sampled``: answers drawn without a seed count as answers too. ``hits`` counts requests.
    """

    provider: Provider
    cache: Cache
    scope: Scope
    sampled: bool = False
    hits: int = 0

    def key_of(self, request: Request) -> bytes | None:
        """What the cache calls this request; None: its answer is not kept."""
        return key_in(self.scope, request, self.sampled)

    async def complete(self, request: Request) -> Answer:
        """The kept answer, marked as replayed; else what the provider says, which is kept.

        Raises:
            ProviderError: as the provider says.
        """
        key = self.key_of(request)
        if key is None:
            return await self.provider.complete(request)
        found = self.cache.get(key)
        if found is not None:
            self.hits += 1
            await asyncio.sleep(0)  # an answer without waiting would starve the event loop
            return found
        answer = await self.provider.complete(request)
        self.cache.put(key, answer)
        return answer

    async def __aenter__(self) -> Self:
        await self.provider.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.provider.__aexit__(kind, error, trace)


# --- the cache -----------------------------------------------------------------------


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
        return _file_in(self.folder).exists()

    def __enter__(self) -> Self:
        try:
            self._table = Table.open(_file_in(self.folder), wait_s=0.1)
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
            with closing(Table.open(_file_in(self.folder), wait_s=LOCKED_FOR_S)) as table:
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


# --- the file ------------------------------------------------------------------------


def _file_in(folder: Path) -> Path:
    return folder / "completions.sqlite"


TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    id INTEGER PRIMARY KEY, key BLOB UNIQUE NOT NULL, used INTEGER NOT NULL, answer BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS by_use ON answers (used);
"""


@dataclass(frozen=True, slots=True)
class Table:
    """The table of answers, for one thread."""

    database: sqlite3.Connection

    @classmethod
    def open(cls, path: Path, wait_s: float) -> Table:
        """Open the file, or make one that nobody else can read; wait so long for other writers.

        Raises:
            sqlite3.Error, OSError: it cannot be used.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):  # closing a file that is in use would drop its locks
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        database = sqlite3.connect(
            path, timeout=LOCKED_FOR_S, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(database)
            database.execute(f"PRAGMA busy_timeout = {int(1000 * wait_s)}")
        except BaseException:
            database.close()
            raise
        return cls(database)

    def row(self, key: bytes) -> tuple[bytes, int] | None:
        """An answer and when it was last used."""
        found: tuple[bytes, int] | None = self.database.execute(
            "SELECT answer, used FROM answers WHERE key = ?", (key,)
        ).fetchone()
        return found

    def write(self, answers: Mapping[bytes, bytes], used: Iterable[bytes], now: int) -> None:
        """Keep answers and note uses, all or nothing."""
        with _transaction(self.database) as database:
            database.executemany(
                "INSERT OR REPLACE INTO answers (key, used, answer) VALUES (?, ?, ?)",
                [(key, now, packed) for key, packed in answers.items()],
            )
            database.executemany(
                "UPDATE answers SET used = ? WHERE key = ?", [(now, key) for key in used]
            )

    def trim(self, largest_bytes: int) -> None:
        """Where the file is too large, remove what was not used for longest."""
        if self.bytes <= largest_bytes:
            return
        while self.bytes > FEWER * largest_bytes and self.count:
            with _transaction(self.database) as database:
                database.execute(
                    "DELETE FROM answers WHERE id IN "
                    "(SELECT id FROM answers ORDER BY used, id LIMIT ?)",
                    (AT_A_TIME,),
                )
        self._shrink()

    def clear(self) -> None:
        """Remove every answer and give the room back."""
        self.database.execute("DELETE FROM answers")
        self._shrink()
        self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @property
    def bytes(self) -> int:
        """How much the answers take."""
        pages = self._number("PRAGMA page_count") - self._number("PRAGMA freelist_count")
        return pages * self._number("PRAGMA page_size")

    @property
    def count(self) -> int:
        """How many answers there are."""
        return self._number("SELECT count(*) FROM answers")

    @property
    def oldest(self) -> int | None:
        """When the answer that goes first was last used, in seconds since 1970."""
        found: int | None = self.database.execute("SELECT min(used) FROM answers").fetchone()[0]
        return found

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    def _shrink(self) -> None:
        """Give free pages back; as a script, since ``execute`` gives back a single one."""
        self.database.executescript("PRAGMA incremental_vacuum")

    def _number(self, question: str) -> int:
        return int(self.database.execute(question).fetchone()[0])


@dataclass(frozen=True, slots=True)
class _transaction:  # noqa: N801 - reads as a statement
    """All statements of the block, or none of them."""

    database: sqlite3.Connection

    def __enter__(self) -> sqlite3.Connection:
        self.database.execute("BEGIN IMMEDIATE")
        return self.database

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.database.execute("COMMIT" if kind is None else "ROLLBACK")


def _prepare(database: sqlite3.Connection) -> None:
    """Make the table, unless it is there."""
    found = int(database.execute("PRAGMA user_version").fetchone()[0])
    if found not in (0, FORMAT):
        raise sqlite3.DatabaseError(f"made by another version of harness: format {found}")
    if not found:
        database.execute("PRAGMA auto_vacuum = INCREMENTAL")
    _write_ahead(database)
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA journal_size_limit = 16000000")
    if not found:
        with _transaction(database):
            for statement in filter(str.strip, TABLE.split(";")):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {FORMAT}")


def _write_ahead(database: sqlite3.Connection) -> None:
    """Let others read while one writes. SQLite itself does not wait for others doing the same."""
    until = time.monotonic() + LOCKED_FOR_S
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)


# --- for people ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stock:
    """What a cache holds: answers, bytes, and when the first to go was last used."""

    answers: int
    bytes: int
    oldest: int | None


def stock(folder: Path) -> Stock:
    """What the cache in a folder holds.

    Raises:
        UsageError: it cannot be read.
    """
    if not _file_in(folder).exists():
        return Stock(0, 0, None)
    try:
        with closing(Table.open(_file_in(folder), LOCKED_FOR_S)) as table:
            return Stock(table.count, table.bytes, table.oldest)
    except (sqlite3.Error, OSError) as error:
        raise UsageError(
            f"{folder}: the cache cannot be read ({error}); harness cache clear empties it"
        ) from error


def clear(folder: Path) -> None:
    """Empty the cache in a folder; a broken file is removed.

    Raises:
        UsageError: another process writes for too long, or the file cannot be removed.
    """
    path = _file_in(folder)
    if not path.exists():
        return
    try:
        with closing(Table.open(path, LOCKED_FOR_S)) as table:
            table.clear()
    except sqlite3.OperationalError as error:
        raise UsageError(f"{folder}: the cache cannot be emptied now ({error})") from error
    except sqlite3.DatabaseError:
        _remove(path)
    except OSError as error:
        raise UsageError(f"{folder}: the cache cannot be emptied ({error.strerror})") from error


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).unlink()
