"""The file that an index is kept in: an SQLite database, one writer and several readers."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.errors import RunFolderError
from harness.viewer.columns import ANSWER, Rows
from harness.viewer.texts import Texts

FORMAT = 3
"""The version of the tables; a file of another version is made anew."""

LOCKED_FOR_S = 10.0
IDLE_READERS = 8
ODD_PLACES = 1 << 31
"""Places of samples whose ids do not end with their number begin here."""

TABLES = """
DROP TABLE IF EXISTS state; DROP TABLE IF EXISTS evals; DROP TABLE IF EXISTS tracks;
DROP TABLE IF EXISTS odd; DROP TABLE IF EXISTS words;
CREATE TABLE state (
    id INTEGER PRIMARY KEY, generation TEXT, offset INTEGER, lines INTEGER, head BLOB, tail BLOB
);
CREATE TABLE evals (
    id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, prefix TEXT,
    stamp TEXT NOT NULL DEFAULT '', fault TEXT NOT NULL DEFAULT ''
);
CREATE TABLE tracks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, eval INTEGER NOT NULL, model TEXT, answers BLOB,
    samples INTEGER, answered INTEGER, failed INTEGER, marked INTEGER, mean REAL,
    UNIQUE (eval, model)
);
CREATE TABLE odd (
    id INTEGER PRIMARY KEY, eval INTEGER NOT NULL, sample_id TEXT NOT NULL,
    UNIQUE (eval, sample_id)
);
CREATE TABLE words (id INTEGER PRIMARY KEY, text TEXT UNIQUE NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class State:
    """How far a journal is indexed, and how to tell that it is still the same.

    ``head`` is a hash of its first line, ``tail`` one of the bytes before ``offset``.
    """

    generation: str
    offset: int
    lines: int
    head: bytes
    tail: bytes


@dataclass(eq=False)
class IndexFile:
    """One index file."""

    path: Path
    home: object = None
    """What has to live as long as the file does."""
    texts: Texts = field(default=Texts(True), init=False)
    _idle: list[sqlite3.Connection] = field(default_factory=list, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        with self._translated():
            self._prepare()

    def _prepare(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._open_tables()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self.path.unlink(missing_ok=True)  # no database, or a broken one: it is only an index
            self._open_tables()

    def _open_tables(self) -> None:
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        database = self._connected()
        try:
            database.execute("PRAGMA journal_mode = WAL")
            self.texts = Texts.best(database)
            if _format(database) != FORMAT:
                with transaction(database):
                    if _format(database) != FORMAT:  # nobody else was quicker
                        self.clear(database)
        finally:
            database.close()

    def clear(self, database: sqlite3.Connection) -> None:
        """Make all tables anew, within a transaction of the caller's."""
        for statement in TABLES.split(";"):
            database.execute(statement)
        self.texts.create(database)
        database.execute(f"PRAGMA user_version = {FORMAT}")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the file from its first question to its last.

        Raises:
            RunFolderError: the file cannot be used.
        """
        with self._translated():
            with self._lock:
                database = self._idle.pop() if self._idle else None
            database = database or self._connected()
            try:
                database.execute("BEGIN")
                yield database
            except BaseException:
                database.close()
                raise
            database.execute("COMMIT")
            with self._lock:
                if len(self._idle) < IDLE_READERS:
                    self._idle.append(database)
                    return
            database.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The writer's connection, when no other process writes; its caller makes transactions.

        Raises:
            RunFolderError: the file cannot be used.
        """
        with self._translated(), self.path.with_suffix(".lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            database = self._connected()
            try:
                database.execute("PRAGMA synchronous = NORMAL")
                yield database
            finally:
                database.close()

    @property
    def bytes(self) -> int:
        """How much it takes."""
        return self.path.stat().st_size

    def _connected(self) -> sqlite3.Connection:
        return sqlite3.connect(
            self.path, timeout=LOCKED_FOR_S, isolation_level=None, check_same_thread=False
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise RunFolderError(
                f"{self.path}: the index cannot be used ({error}); remove this file, or make room "
                "for it: it is made anew from the journal"
            ) from error


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """All or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _format(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def state_of(database: sqlite3.Connection) -> State | None:
    """How far the journal is indexed; None where nothing is."""
    row = database.execute("SELECT generation, offset, lines, head, tail FROM state").fetchone()
    return State(*row) if row else None


def rows_of(database: sqlite3.Connection, track: int) -> Rows:
    """The answers of a track."""
    row = database.execute("SELECT answers FROM tracks WHERE id = ?", (track,)).fetchone()
    return np.frombuffer((row and row[0]) or b"", ANSWER)
