"""Brings an index up to its journal: what was appended is read, in batches, and nothing twice."""

from __future__ import annotations

import hashlib
import re
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

import numpy as np
import orjson

from harness.errors import HarnessError, RunFolderError
from harness.records import Outcome
from harness.running.lines import outcome_of
from harness.viewer.asked import Asked
from harness.viewer.columns import ANSWER, FAILED, Rows, Verdicts, merged
from harness.viewer.index_file import (
    ODD_PLACES,
    IndexFile,
    State,
    rows_of,
    state_of,
    transaction,
)
from harness.viewer.texts import number_of

FIRST_LINES, BATCH_LINES = 1_000, 8_000
BATCH_BYTES = 16 * 2**20
"""After so much the index is written, and pages see it; the first batches are small."""

TAIL = 4096
LONGEST_LABEL = 200
KNOWN_WORDS = 100_000
_NUMBERED = re.compile(r"(.*?)(0|[1-9][0-9]{0,8})", re.DOTALL)


K = TypeVar("K")


class Line(NamedTuple):
    """An outcome and where it stands."""

    offset: int
    length: int
    outcome: Outcome


def mark_of(outcome: Outcome) -> float | None:
    """An answer's mark: the mean of what its graders gave."""
    values = [score.value for score in outcome.scores.values() if score.value is not None]
    return sum(values) / len(values) if values else None


def label_of(outcome: Outcome) -> str:
    """What the first grader that says so picked from an answer."""
    labels = (score.label for score in outcome.scores.values() if score.label is not None)
    return str(next(labels, ""))[:LONGEST_LABEL]


@dataclass(eq=False)
class Indexing:
    """The writer of one index. ``run`` works until it has met the end, or ``stop`` is set."""

    journal: Path
    file: IndexFile
    asked: Asked
    stop: threading.Event = field(default_factory=threading.Event)
    _words: dict[str, int] = field(default_factory=dict, repr=False)

    def run(self) -> None:
        """Index what is not yet.

        Raises:
            RunFolderError: the journal cannot be read, or a line of it is broken.
        """
        with self.file.writing() as database:
            state = self._begun(database)
            while not self.stop.is_set():
                grown = self._batch(database, state)
                if grown == state:
                    break
                state = grown
            self._take_prompts(database)
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    # --- the same journal? -----------------------------------------------------------

    def _begun(self, database: sqlite3.Connection) -> State:
        """The state to go on from: that of the file, or a new one where the journal is another."""
        state = state_of(database)
        if state is not None and is_same(self.journal, state):
            return state
        state = State(secrets.token_hex(8), 0, 0, head_of(self.journal), tail_of(self.journal, 0))
        self._words.clear()
        with transaction(database):
            self.file.clear(database)
            self._save(database, state)
        return state

    def _save(self, database: sqlite3.Connection, state: State) -> None:
        database.execute(
            "INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?, ?, ?)",
            (state.generation, state.offset, state.lines, state.head, state.tail),
        )

    # --- answers ---------------------------------------------------------------------

    def _batch(self, database: sqlite3.Connection, state: State) -> State:
        lines, offset, number = self._lines(state)
        if offset == state.offset:
            return state
        grown = State(
            state.generation, offset, number, head_of(self.journal), tail_of(self.journal, offset)
        )
        with transaction(database):
            self._take(database, lines)
            self._save(database, grown)
        return grown

    def _lines(self, state: State) -> tuple[list[Line], int, int]:
        """The next outcomes, the byte after them and the number of lines until there."""
        found: list[Line] = []
        offset, number = state.offset, state.lines
        with opened(self.journal) as file:
            file.seek(offset)
            for raw in islice(file, min(BATCH_LINES, FIRST_LINES + number)):
                line = _parsed(raw)
                if line is None and not raw.endswith(b"\n"):
                    break  # torn, or still being written
                number += raw != b"\n"
                if number == 1:
                    _check_header(self.journal, line)
                elif raw != b"\n":
                    found.append(Line(offset, len(raw), self._outcome(line, number)))
                offset += len(raw)
                if offset - state.offset > BATCH_BYTES:
                    break
        return found, offset, number

    def _outcome(self, line: dict[str, object] | None, number: int) -> Outcome:
        try:
            outcome = outcome_of(line or {})
            _check_types(outcome)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise RunFolderError(
                f"{self.journal}:{number}: is no outcome; remove this line, "
                "its sample is then asked again with --resume"
            ) from error
        return outcome

    def _take(self, database: sqlite3.Connection, lines: Iterable[Line]) -> None:
        by_track: dict[tuple[str, str], list[Line]] = {}
        for line in lines:
            by_track.setdefault((line.outcome.eval, line.outcome.model), []).append(line)
        new, stale = [], []
        for (eval_name, model), some in by_track.items():
            eval_id = _eval(database, eval_name)
            track = _track(database, eval_id, model)
            added, removed = self._take_track(database, eval_id, track, some)
            new += added
            stale += removed
        self.file.texts.remove(database, sorted(stale))
        self.file.texts.add(database, sorted(new))

    def _take_track(
        self, database: sqlite3.Connection, eval_id: int, track: int, lines: list[Line]
    ) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
        """Take in answers of one track; the texts to find, and those to find no longer."""
        places = places_of(database, eval_id, [line.outcome.sample_id for line in lines])
        rows = np.array(
            [self._row(database, place, line) for place, line in zip(places, lines, strict=True)],
            ANSWER,
        )
        rows, _ = merged(np.zeros(0, ANSWER), rows)
        old = rows_of(database, track)
        every, replaced = merged(old, rows)
        _keep(database, track, every)
        texts = {line.offset: _text(line.outcome) for line in lines}
        new = [_found(track, row, texts[row["offset"]]) for row in rows]
        before = outcomes_at(self.journal, dict(enumerate(replaced)))
        gone = [_found(track, row, _text(before[at])) for at, row in enumerate(replaced)]
        return [text for text in new if text[1]], [text for text in gone if text[1]]

    def _row(self, database: sqlite3.Connection, place: int, line: Line) -> tuple[object, ...]:
        outcome, completion = line.outcome, line.outcome.completion
        mark, usage = mark_of(outcome), completion.usage if completion else None
        latency_s = completion.latency_s if completion else 0.0
        failure = outcome.failure.kind if outcome.failure else ""
        return (
            *(place, outcome.repeat, line.offset, line.length),
            np.nan if mark is None else mark,
            self._word(database, label_of(outcome)),
            self._word(database, failure),
            usage.completion_tokens if usage else -1,
            latency_s or np.nan,
        )

    def _word(self, database: sqlite3.Connection, text: str) -> int:
        """The number of a label or of a failure's kind; 0 is none."""
        if not text:
            return 0
        if text not in self._words:
            if len(self._words) >= KNOWN_WORDS:
                self._words.clear()
            self._words[text] = _number_in(database, "words", "text", text)
        return self._words[text]

    # --- prompts ---------------------------------------------------------------------

    def _take_prompts(self, database: sqlite3.Connection) -> None:
        """Take in the prompts of evals whose data were not read yet, or are others by now."""
        known = database.execute("SELECT id, name, stamp FROM evals").fetchall()
        for eval_id, name, stamp in known:
            now = self.asked.stamp(name)
            if now == stamp:
                continue
            with transaction(database):
                # Words of earlier prompts stay with the old number, which nobody asks for.
                database.execute("DELETE FROM tracks WHERE eval = ? AND model IS NULL", (eval_id,))
                fault = self._fault_in_prompts(database, eval_id, name)
                update = "UPDATE evals SET stamp = ?, fault = ? WHERE id = ?"
                database.execute(update, (now, fault, eval_id))

    def _fault_in_prompts(self, database: sqlite3.Connection, eval_id: int, name: str) -> str:
        """Take in an eval's prompts; why they cannot be read, or ""."""
        track, rows = _track(database, eval_id, None), np.zeros(0, ANSWER)
        try:
            prompts = iter(self.asked.prompts(name))
            while (some := list(islice(prompts, BATCH_LINES))) and not self.stop.is_set():
                places = list(places_of(database, eval_id, [prompt.sample_id for prompt in some]))
                pairs = zip(places, some, strict=True)
                self.file.texts.add(
                    database,
                    sorted((number_of(track, place, 0), prompt.text) for place, prompt in pairs),
                )
                more = np.zeros(len(some), ANSWER)
                more["place"], more["offset"] = places, [prompt.start for prompt in some]
                rows, _ = merged(rows, more)
        except HarnessError as error:
            return str(error)
        _keep(database, track, rows)
        return ""


# --- the journal ---------------------------------------------------------------------


def opened(path: Path) -> BinaryIO:
    """The journal, open for reading."""
    try:
        return path.open("rb")
    except OSError as error:
        raise RunFolderError(
            f"{path}: cannot be read ({error.strerror}); let yourself read it"
        ) from error


def is_same(journal: Path, state: State) -> bool:
    """Is this the journal that was indexed, if need be longer by now?"""
    return head_of(journal) == state.head and tail_of(journal, state.offset) == state.tail


def head_of(journal: Path) -> bytes:
    """A hash of the first line: it names the run."""
    with opened(journal) as file:
        return hashlib.blake2b(file.readline(TAIL), digest_size=16).digest()


def tail_of(journal: Path, offset: int) -> bytes:
    """A hash of what stands before an offset."""
    with opened(journal) as file:
        file.seek(max(0, offset - TAIL))
        return hashlib.blake2b(file.read(min(TAIL, offset)), digest_size=16).digest()


def outcomes_at(journal: Path, rows: Mapping[K, Rows]) -> dict[K, Outcome]:
    """Outcomes, read where they stand.

    Raises:
        RunFolderError: they stand there no longer.
    """
    with opened(journal) as file:
        return {key: _outcome_at(journal, file, row) for key, row in rows.items()}


def _outcome_at(journal: Path, file: BinaryIO, row: Rows) -> Outcome:
    file.seek(int(row["offset"]))
    line = _parsed(file.read(int(row["length"])))
    try:
        return outcome_of(line or {})
    except (KeyError, TypeError, AttributeError) as error:
        raise RunFolderError(f"{journal}: has just been replaced; load the page again") from error


def _parsed(raw: bytes) -> dict[str, object] | None:
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return line if isinstance(line, dict) else None


def _check_header(journal: Path, line: dict[str, object] | None) -> None:
    if line is None or "journal" not in line:
        raise RunFolderError(f"{journal}: is no journal; name a run folder")


def _check_types(outcome: Outcome) -> None:
    named = (outcome.eval, outcome.model, outcome.sample_id)
    if not all(isinstance(name, str) for name in named) or not 0 <= outcome.repeat < 2**31:
        raise TypeError
    for score in outcome.scores.values():
        if score.value is not None:
            float(score.value)


def _text(outcome: Outcome) -> str:
    return outcome.completion.text if outcome.completion else ""


def _found(track: int, row: Rows, text: str) -> tuple[int, str]:
    return number_of(track, int(row["place"]), int(row["repeat"])), text


# --- numbers for names ---------------------------------------------------------------


def places_of(database: sqlite3.Connection, eval_id: int, ids: list[str]) -> Iterator[int]:
    """Where samples stand in their eval, by their ids."""
    (prefix,) = database.execute("SELECT prefix FROM evals WHERE id = ?", (eval_id,)).fetchone()
    for sample_id in ids:
        numbered = _NUMBERED.fullmatch(sample_id)
        if numbered and prefix is None:
            prefix = numbered[1]
            database.execute("UPDATE evals SET prefix = ? WHERE id = ?", (prefix, eval_id))
        if numbered and numbered[1] == prefix:
            yield int(numbered[2])
        else:
            yield ODD_PLACES + _odd(database, eval_id, sample_id)


def place_in(database: sqlite3.Connection, eval_id: int, sample_id: str) -> int | None:
    """Where a sample stands; None where its id was never met."""
    (prefix,) = database.execute("SELECT prefix FROM evals WHERE id = ?", (eval_id,)).fetchone()
    numbered = _NUMBERED.fullmatch(sample_id)
    if numbered and numbered[1] == prefix:
        return int(numbered[2])
    query = "SELECT id FROM odd WHERE eval = ? AND sample_id = ?"
    row = database.execute(query, (eval_id, sample_id)).fetchone()
    return ODD_PLACES + row[0] if row else None


def id_of(database: sqlite3.Connection, prefix: str | None, place: int) -> str:
    """The id of the sample at a place."""
    if place < ODD_PLACES:
        return f"{prefix}{place}"
    query = "SELECT sample_id FROM odd WHERE id = ?"
    return str(database.execute(query, (place - ODD_PLACES,)).fetchone()[0])


def _odd(database: sqlite3.Connection, eval_id: int, sample_id: str) -> int:
    query = "SELECT id FROM odd WHERE eval = ? AND sample_id = ?"
    row = database.execute(query, (eval_id, sample_id)).fetchone()
    if row:
        return int(row[0])
    made = database.execute("INSERT INTO odd (eval, sample_id) VALUES (?, ?)", (eval_id, sample_id))
    return int(made.lastrowid or 0)


def _eval(database: sqlite3.Connection, name: str) -> int:
    return _number_in(database, "evals", "name", name)


def _number_in(database: sqlite3.Connection, table: str, column: str, text: str) -> int:
    row = database.execute(f"SELECT id FROM {table} WHERE {column} = ?", (text,)).fetchone()  # noqa: S608
    if row:
        return int(row[0])
    made = database.execute(f"INSERT INTO {table} ({column}) VALUES (?)", (text,))  # noqa: S608
    return int(made.lastrowid or 0)


def _track(database: sqlite3.Connection, eval_id: int, model: str | None) -> int:
    """The number of a track; the model None stands for the eval's prompts."""
    query = "SELECT id FROM tracks WHERE eval = ? AND model IS ?"
    row = database.execute(query, (eval_id, model)).fetchone()
    if row:
        return int(row[0])
    made = database.execute("INSERT INTO tracks (eval, model) VALUES (?, ?)", (eval_id, model))
    return int(made.lastrowid or 0)


def _keep(database: sqlite3.Connection, track: int, rows: Rows) -> None:
    """Write a track's answers, and what they come to."""
    verdicts = Verdicts(rows)
    marks = verdicts.marks[~np.isnan(verdicts.marks)]
    failed = int((verdicts.states == FAILED).sum())
    mean = float(marks.mean()) if len(marks) else None
    database.execute(
        "UPDATE tracks SET answers = ?, samples = ?, answered = ?, failed = ?, marked = ?, "
        "mean = ? WHERE id = ?",
        (rows.tobytes(), len(verdicts.places), len(rows), failed, len(marks), mean, track),
    )
