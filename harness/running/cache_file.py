"""The file of kept answers: an SQLite table that several processes read and write at once."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError

FORMAT = 1
"""The version of the table; a file of another version is left alone."""

LOCKED_FOR_S = 5.0
"""How long to wait for another process's writing."""

FEWER = 0.9
"""Where the file is too large, answers go until it is this share of what it may be."""

AT_A_TIME = 200


def file_in(folder: Path) -> Path:
    """The file of answers in a cache's folder."""
    return folder / "completions.sqlite"


def vectors_in(folder: Path) -> Path:
    """The file of embeddings in a cache's folder: the same table, with vectors for answers."""
    return folder / "embeddings.sqlite"


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
    """What a file of a cache holds: answers, bytes, and when the first to go was last used."""

    answers: int
    bytes: int
    oldest: int | None


def stock(folder: Path) -> Stock:
    """What answers the cache in a folder holds.

    Raises:
        UsageError: it cannot be read.
    """
    return _stock(folder, file_in(folder))


def vector_stock(folder: Path) -> Stock:
    """What embeddings the cache in a folder holds.

    Raises:
        UsageError: it cannot be read.
    """
    return _stock(folder, vectors_in(folder))


def _stock(folder: Path, path: Path) -> Stock:
    if not os.path.isfile(path):
        return Stock(0, 0, None)
    try:
        with closing(Table.open(path, LOCKED_FOR_S)) as table:
            return Stock(table.count, table.bytes, table.oldest)
    except (sqlite3.Error, OSError) as error:
        raise UsageError(
            f"{folder}: the cache cannot be read ({error}); harness cache clear empties it"
        ) from error


def clear(folder: Path) -> None:
    """Empty the cache in a folder, answers and embeddings; a broken file is removed.

    Raises:
        UsageError: another process writes for too long, or the file cannot be removed.
    """
    for path in (file_in(folder), vectors_in(folder)):
        if os.path.isfile(path):
            _empty(folder, path)


def _empty(folder: Path, path: Path) -> None:
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
