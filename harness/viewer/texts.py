"""Words of prompts and answers, to find samples by."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from harness.viewer.columns import Indices

REPEAT_BITS, PLACE_BITS = 12, 33
"""A text's number: track, place, repeat."""

MOST_REPEATS = (1 << REPEAT_BITS) - 1
_SHIFT = REPEAT_BITS + PLACE_BITS
_PLACE = (1 << PLACE_BITS) - 1
_TERM = re.compile(r'"([^"]*)"?|(\S+)')
_UNSPACED = re.compile("([\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])")
"""Letters of writings that set no spaces between words: each counts as a word."""


def number_of(track: int, place: int, repeat: int) -> int:
    """The number of a text."""
    return (track << _SHIFT) | (place << REPEAT_BITS) | min(repeat, MOST_REPEATS)


def terms_of(words: str) -> list[str]:
    """What is looked for: each word, or each "phrase in quotes"."""
    found = (quoted or bare for quoted, bare in _TERM.findall(words.replace("\0", " ")))
    return [term for term in found if any(c.isalnum() for c in term)]


def _spaced(text: str) -> str:
    return text if text.isascii() else _UNSPACED.sub(r" \1 ", text)


@dataclass(frozen=True, slots=True)
class Texts:
    """The table of texts in a database; it holds their words alone.

    Where SQLite has no full text search the texts themselves are held, and a term is found
    within words, too.
    """

    is_full: bool

    @classmethod
    def best(cls, database: sqlite3.Connection) -> Texts:
        """As good as this SQLite can."""
        options = {row[0] for row in database.execute("PRAGMA compile_options")}
        return cls("ENABLE_FTS5" in options)

    def create(self, database: sqlite3.Connection) -> None:
        """Make the table anew."""
        database.execute("DROP TABLE IF EXISTS texts")
        if self.is_full:
            database.execute(
                "CREATE VIRTUAL TABLE texts USING fts5(text, content='', columnsize=0)"
            )
        else:
            database.execute("CREATE TABLE texts (number INTEGER PRIMARY KEY, text TEXT NOT NULL)")

    def add(self, database: sqlite3.Connection, texts: Iterable[tuple[int, str]]) -> None:
        """Take in texts by their numbers, those in ascending order."""
        name = "rowid" if self.is_full else "number"
        database.executemany(
            f"INSERT INTO texts ({name}, text) VALUES (?, ?)",  # noqa: S608 - a name of ours
            ((number, _spaced(text)) for number, text in texts),
        )

    def remove(self, database: sqlite3.Connection, texts: Iterable[tuple[int, str]]) -> None:
        """Take back texts, which have to be named as they were."""
        if self.is_full:
            database.executemany(
                "INSERT INTO texts (texts, rowid, text) VALUES ('delete', ?, ?)",
                ((number, _spaced(text)) for number, text in texts),
            )
        else:
            database.executemany(
                "DELETE FROM texts WHERE number = ?", ((number,) for number, _ in texts)
            )

    def places(self, database: sqlite3.Connection, track: int, term: str) -> Indices:
        """The places of a track whose text has a term: its words, one after the other.

        A place with several such texts comes several times.
        A star behind a term lets its last word go on.
        """
        low, high = number_of(track, 0, 0), number_of(track + 1, 0, 0) - 1
        if self.is_full:
            column, condition, sought = "rowid", "texts MATCH ?", _phrase(term)
        else:
            column, condition, sought = "number", "text LIKE ? ESCAPE '!'", _pattern(term)
        # One text of all numbers is read many times faster than as many rows.
        query = (
            f"SELECT group_concat(({column} >> {REPEAT_BITS}) & {_PLACE}) FROM texts "  # noqa: S608
            f"WHERE {condition} AND {column} BETWEEN ? AND ?"
        )
        (found,) = database.execute(query, (sought, low, high)).fetchone()
        if not found:
            return np.zeros(0, np.int64)
        return np.fromstring(found, np.int64, sep=",")


def _phrase(term: str) -> str:
    text = _spaced(term.rstrip("*")).replace('"', " ")
    return f'"{text}"' + (" *" if term.endswith("*") else "")


def _pattern(term: str) -> str:
    text = _spaced(term.rstrip("*"))
    return "%" + re.sub("([!%_])", r"!\1", text) + "%"
