"""Every answer of a run, found within milliseconds: an index over its journal.

    indexes = Indexes(folder)                   # one for the whole site: ``site.indexes``
    index = indexes.of(run)                     # goes on in the background with what is new
    index.progress()                            # Progress(done, total, ...) in bytes
    index.tracks()                              # one a (eval, model): answers, failed, mean mark
    index.page(Query(eval, model))              # Page(rows, total): 50 samples from ``offset``
    index.page(Query(eval, tuned, other_model=base, state="fixed", words="refund"))
    index.counts(query)                         # samples in each state, whatever query.state says
    index.labels(query)                         # what was picked, and how often
    index.ids(query)                            # ids of all samples of the query, in its order
    index.around(query, sample_id)              # the ids before and behind, and where it stands
    index.outcome(eval, model, sample_id, repeat)    # one journal line, read where it stands
    index.outcomes(eval, sample_id)             # all answers to one sample, by model and repeat
    index.first_outcomes(eval, model, ids)      # one answer to each sample, by its id
    index.answers(eval, models, ids)            # those of several models, with their verdicts
    index.samples(eval, ids)                    # what was asked, and why it cannot be shown

A row is a sample: its mark is the mean over its answers (and graders). It is ``right`` from 1 on,
``wrong`` at 0 and below, ``partly`` between; without a mark ``failed`` where an answer failed, else
``unmarked``. With ``other_model`` (the base, say) samples that both have marks for are ``fixed``
(right now, not with the other), ``broken`` (the other way round), ``both_right`` or ``both_wrong``.

``words`` are looked for in the prompt and in the answers of the models named, case aside: whole
words, "phrases in quotes", and beginnings with a star (refund*). Every one has to be found.

The index is a file in the user's cache folder, never in the run folder. It follows the journal:
what is appended is added, a torn last line waits for its rest, another journal in the same place
is indexed anew. All methods may be called by several threads; they raise RunFolderError where the
journal or the index cannot be read.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple, TypeVar

import numpy as np

from harness.errors import HarnessError, RunFolderError
from harness.openai_evals.bridge_files import REPORT
from harness.records import Outcome, Sample
from harness.viewer.asked import Asked
from harness.viewer.columns import (
    ANSWER,
    FAILED,
    PARTLY,
    RIGHT,
    UNMARKED,
    WRONG,
    Flags,
    Indices,
    Rows,
    Verdicts,
)
from harness.viewer.index_cache import DAY_S, note_use, remove_unused
from harness.viewer.index_file import IndexFile, rows_of, state_of
from harness.viewer.indexing import (
    Indexing,
    id_of,
    is_same,
    outcomes_at,
    place_in,
)
from harness.viewer.runs import Run
from harness.viewer.texts import terms_of

T = TypeVar("T")

SORTS = ("sample", "mark", "latency", "tokens")
"""What rows are sorted by; with a minus in front the other way round."""

STATES = {"right": RIGHT, "wrong": WRONG, "partly": PARTLY, "failed": FAILED, "unmarked": UNMARKED}
STATE_NAMES = {code: name for name, code in STATES.items()}
CHANGES = ("fixed", "broken", "both_wrong", "both_right")

KEPT = 32
"""Results of queries that are kept: the next page, and the next sample, ask for the same."""

MOST_ROWS = 1_500_000
"""Answers whose columns are held, some 60 bytes each."""

SOON_S = 0.15
"""A page waits so long for the index to catch up: small journals are whole at once."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which samples of an eval, in which order, and how many of them."""

    eval: str
    model: str
    other_model: str = ""
    state: str = ""
    label: str = ""
    words: str = ""
    sort: str = "sample"
    offset: int = 0
    limit: int = 50


BEING_READ = "The prompts are being indexed; load the page again."
"""Why there are no prompts yet: nothing is wrong."""


class Progress(NamedTuple):
    """Bytes of the journal that are indexed, and all of them; prompts come when answers are in.

    Without ``is_under_way`` nothing more comes: what is missing is a line that is being written.
    """

    done: int
    total: int
    has_prompts: bool
    is_under_way: bool

    @property
    def share(self) -> float:
        """The part that is done."""
        return self.done / self.total if self.total else 1.0


class TrackSummary(NamedTuple):
    """The answers of one model to one eval; ``mean`` None where none has a mark."""

    eval: str
    model: str
    samples: int
    answers: int
    failed: int
    marked: int
    mean: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one sample with one model; ``repeats`` are those of its answers."""

    model: str
    state: str
    mark: float | None
    label: str
    failure: str
    tokens: float | None
    latency_s: float | None
    repeats: tuple[int, ...]


class Answer(NamedTuple):
    """What became of one sample with one model, and the first of its answers."""

    verdict: Verdict
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Row:
    """One sample: its verdict, and that of the other model where both answered."""

    sample_id: str
    verdict: Verdict
    other: Verdict | None = None

    @property
    def change(self) -> str:
        """What changed from the other model; "" where one of them has no mark."""
        if self.other is None or self.other.mark is None or self.verdict.mark is None:
            return ""
        return _change(self.verdict.mark >= 1, self.other.mark >= 1)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of ``total``."""

    rows: tuple[Row, ...]
    total: int


class Around(NamedTuple):
    """A sample's place (from 0) in a query's ``total``, and its neighbours' ids."""

    place: int
    total: int
    before: str | None
    after: str | None


def _change(now: bool, before: bool) -> str:
    return {
        (True, False): "fixed",
        (False, True): "broken",
        (True, True): "both_right",
        (False, False): "both_wrong",
    }[now, before]


@dataclass(eq=False)
class _Kept:
    """The latest results, by what was asked, of at most so much weight; several threads use it.

    Those of an earlier version of the index go with it.
    """

    most: int
    weight: Callable[[Any], int] = lambda value: 1
    _version: object = None
    _found: OrderedDict[Any, Any] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, version: object, key: Any, made: Callable[[], T]) -> T:
        with self._lock:
            if version == self._version and key in self._found:
                self._found.move_to_end(key)
                value: T = self._found[key]
                return value
        value = made()
        with self._lock:
            if version != self._version:
                self._found.clear()
                self._version = version
            self._found[key] = value
            while len(self._found) > 1 and sum(map(self.weight, self._found.values())) > self.most:
                self._found.popitem(last=False)
        return value


@dataclass(frozen=True, slots=True)
class _Shared:
    """What is known of a query without its state: its samples and both sides' verdicts."""

    verdicts: Verdicts
    other: Verdicts | None
    there: Indices
    """For each sample of ``verdicts`` where it stands in ``other``."""
    in_both: Flags
    chosen: Flags
    """The samples that have the query's label and words."""

    def changes(self) -> dict[str, Flags]:
        """The samples of each state that compares."""
        if self.other is None or not len(self.other.places):
            none = np.zeros(len(self.verdicts.places), bool)
            return dict.fromkeys(CHANGES, none)
        now, before = self.verdicts.marks, self.other.marks[self.there]
        both = self.in_both & ~np.isnan(now) & ~np.isnan(before)
        return {
            "fixed": both & (now >= 1) & (before < 1),
            "broken": both & (now < 1) & (before >= 1),
            "both_wrong": both & (now < 1) & (before < 1),
            "both_right": both & (now >= 1) & (before >= 1),
        }

    def states(self) -> dict[str, Flags]:
        """The samples of every state."""
        own = {name: self.verdicts.states == code for name, code in STATES.items()}
        return own if self.other is None else {**own, **self.changes()}


@dataclass(eq=False)
class JournalIndex:
    """The index of one journal."""

    journal: Path
    file: IndexFile
    asked: Asked
    _kept: _Kept = field(default_factory=lambda: _Kept(KEPT), repr=False)
    _columns: _Kept = field(default_factory=lambda: _Kept(MOST_ROWS, _rows_in), repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _worker: threading.Thread | None = field(default=None, repr=False)
    _indexing: Indexing | None = field(default=None, repr=False)
    _failed: tuple[RunFolderError, tuple[int, int]] | None = field(default=None, repr=False)

    # --- catching up -----------------------------------------------------------------

    def catch_up(self, wait_s: float = SOON_S) -> None:
        """Index in the background what is not yet; wait a little for the end.

        Raises:
            RunFolderError: the journal cannot be read, or a line of it is broken.
        """
        with self._lock:
            if self._worker is None and self._is_behind():
                self._indexing = Indexing(self.journal, self.file, self.asked)
                self._worker = threading.Thread(
                    target=self._work, args=(self._indexing,), daemon=True, name="indexing"
                )
                self._worker.start()
            worker = self._worker
        if worker is not None:
            worker.join(wait_s)
        if self._failed is not None:
            raise self._failed[0]

    def _work(self, indexing: Indexing) -> None:
        stamp = _stamp(self.journal)
        try:
            indexing.run()
            self._failed = None
        except RunFolderError as error:
            self._failed = error, stamp
        finally:
            self._worker = None

    def _is_behind(self) -> bool:
        stamp = _stamp(self.journal)
        if self._failed is not None and self._failed[1] == stamp:
            return False
        if not stamp[0]:
            return False
        with self.file.reading() as database:
            state = state_of(database)
            if state is None or state.offset != stamp[0] or not is_same(self.journal, state):
                return True
            return not self._has_prompts(database)

    def _has_prompts(self, database: sqlite3.Connection) -> bool:
        """Are all prompts in the index, as far as they can be read?"""
        known = database.execute("SELECT name, stamp FROM evals").fetchall()
        return all(self.asked.stamp(name) == stamp for name, stamp in known)

    def stop(self) -> None:
        """End the work in the background soon; what is indexed stays."""
        if self._indexing is not None:
            self._indexing.stop.set()
        if (worker := self._worker) is not None:
            worker.join()

    def progress(self) -> Progress:
        """How far the index is."""
        total = _stamp(self.journal)[0]
        with self.file.reading() as database:
            done = state.offset if (state := state_of(database)) else 0
            return Progress(done, total, self._has_prompts(database), self._worker is not None)

    # --- answers ---------------------------------------------------------------------

    def tracks(self) -> list[TrackSummary]:
        """Every model of every eval, in the order in which they were met."""
        with self.file.reading() as database:
            rows = database.execute(
                "SELECT e.name, t.model, samples, answered, failed, marked, mean FROM tracks t "
                "JOIN evals e ON e.id = t.eval WHERE t.model IS NOT NULL ORDER BY t.id"
            ).fetchall()
        found = (TrackSummary(*row) for row in rows)
        # What third-party code says at its end is no sample.
        return [track for track in found if not track.eval.endswith(REPORT)]

    def page(self, query: Query) -> Page:
        """The rows of a query from ``offset`` on, at most ``limit``, and how many there are."""
        with self.file.reading() as database:
            places = self._places(database, query)
            some = places[max(0, query.offset) :][: max(0, query.limit)]
            return Page(tuple(self._rows(database, query, some)), len(places))

    def counts(self, query: Query) -> dict[str, int]:
        """How many samples are in each state, and under "" all, with the query's other filters."""
        with self.file.reading() as database:
            key = ("counts", _filters(replace(query, state="")))
            return self._kept.get(
                self._version(database), key, lambda: self._counts(database, query)
            )

    def labels(self, query: Query, most: int = 50) -> list[tuple[str, int]]:
        """What was picked from the model's answers, and in how many: the most frequent first."""
        with self.file.reading() as database:
            verdicts = self._verdicts_of(database, query.eval, query.model)
            codes, counts = np.unique(verdicts.answers["label"], return_counts=True)
            order = np.argsort(-counts, kind="stable")
            pairs = [(int(codes[i]), int(counts[i])) for i in order if codes[i]][:most]
            return [(_word(database, code), count) for code, count in pairs]

    def ids(self, query: Query) -> Iterator[str]:
        """The ids of all samples of a query, in its order; ``offset`` and ``limit`` aside."""
        with self.file.reading() as database:
            places = self._places(database, query)
            prefix = _prefix(database, query.eval)
            found = [id_of(database, prefix, place) for place in places.tolist()]
        return iter(found)

    def around(self, query: Query, sample_id: str) -> Around | None:
        """Where a sample stands in a query; None where it is not in it."""
        with self.file.reading() as database:
            eval_id = _eval_id(database, query.eval)
            place = None if eval_id is None else place_in(database, eval_id, sample_id)
            places = self._places(database, query)
            found = np.flatnonzero(places == (-1 if place is None else place))
            if not len(found):
                return None
            at, prefix = int(found[0]), _prefix(database, query.eval)
            near = [
                id_of(database, prefix, int(places[i])) if 0 <= i < len(places) else None
                for i in (at - 1, at + 1)
            ]
            return Around(at, len(places), near[0], near[1])

    def outcome(self, eval: str, model: str, sample_id: str, repeat: int = 0) -> Outcome | None:
        """One answer, read from the journal; None where there is none."""
        found = (o for o in self.outcomes(eval, sample_id, (model,)) if o.repeat == repeat)
        return next(found, None)

    def outcomes(
        self, eval: str, sample_id: str, models: Sequence[str] | None = None
    ) -> list[Outcome]:
        """The answers to one sample, all or of some models, by model and repeat."""
        with self.file.reading() as database:
            eval_id = _eval_id(database, eval)
            place = None if eval_id is None else place_in(database, eval_id, sample_id)
            if place is None:
                return []
            query = "SELECT id, model FROM tracks WHERE eval = ? AND model IS NOT NULL ORDER BY id"
            rows = [
                row
                for track, model in database.execute(query, (eval_id,)).fetchall()
                if models is None or model in models
                for row in self._verdicts(database, track).of(place)
            ]
        return list(outcomes_at(self.journal, dict(enumerate(rows))).values())

    def first_outcomes(self, eval: str, model: str, ids: Sequence[str]) -> dict[str, Outcome]:
        """The first answer of a model to each of these samples, where there is one."""
        with self.file.reading() as database:
            eval_id = _eval_id(database, eval)
            verdicts = self._verdicts_of(database, eval, model)
            places = [place_in(database, eval_id, key) if eval_id else None for key in ids]
        found = zip(
            ids, (verdicts.of(-1 if place is None else place) for place in places), strict=True
        )
        return outcomes_at(self.journal, {key: rows[0] for key, rows in found if len(rows)})

    def answers(
        self, eval: str, models: Sequence[str], ids: Sequence[str]
    ) -> dict[tuple[str, str], Answer]:
        """What each of these models made of each of these samples, by model and sample id."""
        found: dict[tuple[str, str], tuple[Verdict, Rows]] = {}
        with self.file.reading() as database:
            eval_id = _eval_id(database, eval)
            placed = [(key, place_in(database, eval_id, key)) for key in ids if eval_id is not None]
            for model in models:
                verdicts = self._verdicts_of(database, eval, model)
                for key, place in placed:
                    verdict = None if place is None else _verdict(database, model, verdicts, place)
                    if place is not None and verdict is not None:
                        found[model, key] = verdict, verdicts.of(place)[0]
        outcomes = outcomes_at(self.journal, {key: row for key, (_, row) in found.items()})
        return {key: Answer(verdict, outcomes[key]) for key, (verdict, _) in found.items()}

    def samples(self, eval: str, ids: Sequence[str]) -> tuple[dict[str, Sample], str]:
        """What was asked, by sample id; and why prompts are missing, where they are."""
        with self.file.reading() as database:
            query = "SELECT id, stamp, fault FROM evals WHERE name = ?"
            row = database.execute(query, (eval,)).fetchone()
            if row is None:
                return {}, ""
            eval_id, stamp, fault = row
            if fault or stamp != self.asked.stamp(eval):
                return {}, fault or BEING_READ
            starts = self._starts(database, eval_id, eval, ids)
        try:
            return self.asked.samples(eval, starts), ""
        except HarnessError as error:
            return {}, str(error)

    def _starts(
        self, database: sqlite3.Connection, eval_id: int, eval: str, ids: Sequence[str]
    ) -> dict[str, int]:
        """Where the lines of these samples begin in their data file."""
        prompts = self._verdicts_of(database, eval, None)
        placed = ((sample_id, place_in(database, eval_id, sample_id)) for sample_id in ids)
        found = ((sample_id, prompts.of(place)) for sample_id, place in placed if place is not None)
        return {sample_id: int(rows["offset"][0]) for sample_id, rows in found if len(rows)}

    # --- how -------------------------------------------------------------------------

    def _version(self, database: sqlite3.Connection) -> tuple[Any, ...]:
        """Changes whenever something is added."""
        return state_of(database), tuple(database.execute("SELECT stamp FROM evals").fetchall())

    def _verdicts(self, database: sqlite3.Connection, track: int) -> Verdicts:
        version = self._version(database)
        return self._columns.get(version, track, lambda: Verdicts(rows_of(database, track)))

    def _verdicts_of(self, database: sqlite3.Connection, eval: str, model: str | None) -> Verdicts:
        track = _track_id(database, eval, model)
        return Verdicts(np.zeros(0, ANSWER)) if track is None else self._verdicts(database, track)

    def _shared(self, database: sqlite3.Connection, query: Query) -> _Shared:
        key = ("shared", _filters(replace(query, state="")))
        return self._kept.get(
            self._version(database), key, lambda: self._make_shared(database, query)
        )

    def _make_shared(self, database: sqlite3.Connection, query: Query) -> _Shared:
        verdicts = self._verdicts_of(database, query.eval, query.model)
        chosen = np.ones(len(verdicts.places), bool)
        if query.label:
            code = _code(database, query.label)
            chosen &= verdicts.have(verdicts.answers["label"] == code)
        for term in terms_of(query.words):
            chosen &= self._having(database, query, term, verdicts, chosen)
        if not query.other_model:
            return _Shared(verdicts, None, np.zeros(0, np.int64), np.zeros(0, bool), chosen)
        other = self._verdicts_of(database, query.eval, query.other_model)
        there, in_both = other.at(verdicts.places)
        return _Shared(verdicts, other, there, in_both, chosen)

    def _having(
        self,
        database: sqlite3.Connection,
        query: Query,
        term: str,
        verdicts: Verdicts,
        among: Flags,
    ) -> Flags:
        """The samples with a term in their prompt or in an answer of the models asked for.

        It is looked for no further once all of ``among`` have it.
        """
        flags = np.zeros(len(verdicts.places), bool)
        for model in (None, query.model, *([query.other_model] if query.other_model else [])):
            if (flags | ~among).all():
                break
            track = _track_id(database, query.eval, model)
            if track is not None:
                found, there = verdicts.at(self.file.texts.places(database, track, term))
                flags[found[there]] = True
        return flags

    def _counts(self, database: sqlite3.Connection, query: Query) -> dict[str, int]:
        shared = self._shared(database, query)
        counts = {
            name: int((flags & shared.chosen).sum()) for name, flags in shared.states().items()
        }
        return {"": int(shared.chosen.sum()), **counts}

    def _places(self, database: sqlite3.Connection, query: Query) -> Indices:
        key = ("places", _filters(query), query.sort)
        return self._kept.get(
            self._version(database), key, lambda: self._sorted_places(database, query)
        )

    def _sorted_places(self, database: sqlite3.Connection, query: Query) -> Indices:
        shared = self._shared(database, query)
        chosen = shared.chosen
        if query.state:
            none = np.zeros(len(chosen), bool)
            chosen = chosen & shared.states().get(query.state, none)
        name, backwards = query.sort.lstrip("-"), query.sort.startswith("-")
        places = shared.verdicts.places[chosen]
        if name not in SORTS or name == "sample":
            return places[::-1] if backwards else places
        verdicts = shared.verdicts
        by = {"mark": "marks", "latency": "latencies_s", "tokens": "tokens"}[name]
        values = getattr(verdicts, by)[chosen]
        return places[np.argsort(-values if backwards else values, kind="stable")]

    def _rows(self, database: sqlite3.Connection, query: Query, places: Indices) -> Iterator[Row]:
        verdicts = self._verdicts_of(database, query.eval, query.model)
        other = (
            self._verdicts_of(database, query.eval, query.other_model)
            if query.other_model
            else None
        )
        prefix = _prefix(database, query.eval)
        for place in places.tolist():
            verdict = _verdict(database, query.model, verdicts, place)
            before = _verdict(database, query.other_model, other, place) if other else None
            if verdict is not None:
                yield Row(id_of(database, prefix, place), verdict, before)


class _Passing:
    """A folder that is removed with the last index in it."""

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix="harness-view-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(eq=False)
class Indexes:
    """The indexes of all runs: one file each in ``folder`` (None: in one that goes with this)."""

    folder: Path | None = None
    _open: dict[Path, JournalIndex] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _passing: _Passing | None = field(default=None, repr=False)
    _used: dict[Path, float] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.folder is not None:
            remove_unused(self.folder, time.time())

    def of(self, run: Run) -> JournalIndex:
        """The index of a run's journal, which goes on with what is new there.

        Raises:
            RunFolderError: the journal or the index cannot be read, or a line is broken.
        """
        journal = run.folder.journal.resolve()
        with self._lock:
            if journal not in self._open:
                name = hashlib.blake2b(bytes(journal), digest_size=16).hexdigest()
                file = IndexFile(self._place() / f"{name}.sqlite", self._passing)
                self._open[journal] = JournalIndex(journal, file, Asked(run.folder))
            index = self._open[journal]
            self._note_use(index)
        index.catch_up()
        return index

    def _note_use(self, index: JournalIndex) -> None:
        """Keep once a day that an index is in use, so that no other viewer removes it."""
        now = time.time()
        if now - self._used.get(index.journal, 0.0) > DAY_S:
            self._used[index.journal] = now
            note_use(index.file.path, index.journal)

    def _place(self) -> Path:
        """The folder; where none is named or it cannot be made, one until the end."""
        if self.folder is not None:
            with suppress(OSError):
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(self.folder, os.W_OK):
                return self.folder
        self._passing = self._passing or _Passing()
        return self._passing.path

    def stop(self) -> None:
        """End all work in the background."""
        for index in list(self._open.values()):
            index.stop()


# --- looking up ----------------------------------------------------------------------


def _stamp(journal: Path) -> tuple[int, int]:
    """A journal's size and time of change; zeros where there is none yet."""
    try:
        at = journal.stat()
    except FileNotFoundError:
        return (0, 0)
    except OSError as error:
        raise RunFolderError(
            f"{journal}: cannot be read ({error.strerror}); let yourself read it"
        ) from error
    return at.st_size, at.st_mtime_ns


def _filters(query: Query) -> tuple[str, ...]:
    return query.eval, query.model, query.other_model, query.state, query.label, query.words


def _eval_id(database: sqlite3.Connection, name: str) -> int | None:
    row = database.execute("SELECT id FROM evals WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def _prefix(database: sqlite3.Connection, name: str) -> str | None:
    row = database.execute("SELECT prefix FROM evals WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def _track_id(database: sqlite3.Connection, eval: str, model: str | None) -> int | None:
    query = (
        "SELECT t.id FROM tracks t JOIN evals e ON e.id = t.eval WHERE e.name = ? AND model IS ?"
    )
    row = database.execute(query, (eval, model)).fetchone()
    return row[0] if row else None


def _word(database: sqlite3.Connection, code: int) -> str:
    if not code:
        return ""
    return str(database.execute("SELECT text FROM words WHERE id = ?", (code,)).fetchone()[0])


def _code(database: sqlite3.Connection, text: str) -> int:
    row = database.execute("SELECT id FROM words WHERE text = ?", (text,)).fetchone()
    return row[0] if row else -1


def _verdict(
    database: sqlite3.Connection, model: str, verdicts: Verdicts, place: int
) -> Verdict | None:
    found, there = verdicts.at(np.array([place]))
    if not there[0]:
        return None
    at = int(found[0])
    answers = verdicts.of(place)
    failures = answers["failure"][answers["failure"] > 0]
    return Verdict(
        model=model,
        state=STATE_NAMES[int(verdicts.states[at])],
        mark=_number(verdicts.marks[at]),
        label=_word(database, int(answers["label"][0])),
        failure=_word(database, int(failures[0])) if len(failures) else "",
        tokens=_number(verdicts.tokens[at]),
        latency_s=_number(verdicts.latencies_s[at]),
        repeats=tuple(answers["repeat"].tolist()),
    )


def _rows_in(verdicts: Verdicts) -> int:
    return len(verdicts.answers) + 1


def _number(value: np.floating[Any]) -> float | None:
    return None if np.isnan(value) else float(value)
