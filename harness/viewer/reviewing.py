"""What the pages of reviews are made of: the panel of one answer, and a queue of drawn ones."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlencode

from starlette.requests import Request

from harness.pipeline.reviewing.reviews import (
    ANONYMOUS,
    LONGEST_NAME,
    Place,
    Review,
    answer_hash,
    read_reviews,
)
from harness.records import Outcome
from harness.viewer.journal_index import JournalIndex, Query, TrackSummary
from harness.viewer.runs import Run

SEED = 20220722
"""Everybody is given the same answers in the same order, so that their verdicts can be compared."""

SIZES = (20, 50, 100, 200)
USUAL_SIZE = 50
COOKIE = "harness-reviewer"
PATIENCE_S = 2.0
"""So long a page waits for an index that is nearly there."""


# --- who ----------------------------------------------------------------------------


def reviewer_of(request: Request) -> str:
    """The name that this browser reviewed under last; "" where it has not."""
    return unquote(request.cookies.get(COOKIE, ""))[:LONGEST_NAME]


def cookie_of(name: str) -> str:
    """A name as a cookie can hold it."""
    return quote(name)


# --- one answer ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Panel:
    """The form by which one answer is reviewed; ``back`` is where it leads without a script.

    ``mine`` is what this reviewer said of it, ``others`` what others did, where that is shown.
    """

    action: str
    place: Place
    text_hash: str
    back: str
    reviewer: str = ""
    mine: Review | None = None
    others: tuple[Review, ...] = ()
    drawn: bool = False
    blind: bool = False


def address_of(run: Run) -> str:
    """The address of a run's pages."""
    return f"/runs/{quote(run.slug, safe='~')}"


def panel_of(
    run: Run,
    request: Request,
    outcome: Outcome,
    reviews: Sequence[Review] | None = None,
    *,
    back: str | None = None,
    drawn: bool = False,
    blind: bool = False,
) -> Panel:
    """The panel of one answer, for ``review_panel.html.j2``.

    ``reviews`` are those of the run, to be read once where a page has several panels; ``back``
    None is the page itself.

    Raises:
        RunFolderError: the reviews cannot be read.
    """
    known = read_reviews(run.folder) if reviews is None else reviews
    place = Place(outcome.eval, outcome.model, outcome.sample_id, outcome.repeat)
    own = [review for review in known if review.place == place and review.is_of(outcome)]
    name = reviewer_of(request)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return Panel(
        action=f"{address_of(run)}/reviews",
        place=place,
        text_hash=answer_hash(outcome),
        back=here if back is None else back,
        reviewer=name,
        mine=next((one for one in own if one.reviewer == (name or ANONYMOUS)), None),
        others=() if blind else tuple(r for r in own if r.reviewer != (name or ANONYMOUS)),
        drawn=drawn,
        blind=blind,
    )


def page_of(run: Run, place: Place) -> str:
    """The address of the page that shows one answer with its panel."""
    return f"{address_of(run)}/review?" + urlencode(
        {
            "eval": place.eval,
            "model": place.model,
            "sample": place.sample_id,
            "repeat": place.repeat,
        }
    )


def is_being_read(index: JournalIndex) -> bool:
    """Is the index still behind, after a little patience? What it holds then is no fair sample."""
    if index.progress().is_under_way:
        index.catch_up(PATIENCE_S)
    return index.progress().is_under_way


# --- drawn answers -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asking:
    """Which answers are reviewed one after the other: ``size`` of one eval, of one model or all."""

    eval: str
    model: str = ""
    size: int = USUAL_SIZE
    blind: bool = True

    @classmethod
    def of(cls, request: Request) -> Asking:
        """What an address asks for; whatever makes no sense is left out."""
        query = request.query_params
        size = query.get("size", "")
        return cls(
            eval=query.get("eval", ""),
            model=query.get("model", ""),
            size=int(size) if size in map(str, SIZES) else USUAL_SIZE,
            blind=query.get("blind", "1") != "0",
        )

    def address(self, run: Run, at: int | None = None) -> str:
        """The page of the next answer, or of the one at a number from 1."""
        told = {"eval": self.eval, "model": self.model, "size": self.size}
        more = {} if self.blind else {"blind": "0"}
        where = {} if at is None else {"at": at}
        return f"{address_of(run)}/review?" + urlencode({**told, **more, **where})


def drawn_places(index: JournalIndex, asking: Asking) -> list[Place]:
    """Answers drawn at random, one a sample, always the same ones of the same journal.

    Those without a mark are passed over: there is nothing to agree with.
    """
    tracks = [t for t in index.tracks() if t.eval == asking.eval]
    tracks = [t for t in tracks if asking.model in ("", t.model)]
    found: list[Place] = []
    for number in in_random_order(sum(track.samples for track in tracks)):
        if len(found) >= asking.size:
            break
        place = _at(index, tracks, number)
        if place is not None:
            found.append(place)
    return found


def _at(index: JournalIndex, tracks: Sequence[TrackSummary], number: int) -> Place | None:
    for track in tracks:
        if number < track.samples:
            rows = index.page(Query(track.eval, track.model, offset=number, limit=1)).rows
            if not rows or rows[0].verdict.mark is None:
                return None
            repeats = rows[0].verdict.repeats
            return Place(track.eval, track.model, rows[0].sample_id, repeats[number % len(repeats)])
        number -= track.samples
    return None


def in_random_order(count: int) -> Iterator[int]:
    """The numbers below ``count`` in a random order, always the same; only what is drawn is held.

    Fisher and Yates' shuffle, from which the first numbers can be taken without the others.
    """
    rng = random.Random(SEED)
    moved: dict[int, int] = {}
    for at in range(count):
        other = rng.randrange(at, count)
        yield moved.get(other, other)
        moved[other] = moved.get(at, at)


# --- answers that were reviewed ------------------------------------------------------

MOST_KEPT = 20_000


@dataclass(eq=False)
class Answered:
    """Finds the reviewed answers of runs, and keeps those of journals that have not changed."""

    _kept: dict[tuple[str, int, int], dict[Place, Outcome]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def of(
        self, run: Run, index: JournalIndex, places: Sequence[Place]
    ) -> Mapping[Place, Outcome | None]:
        """The answers at these places; None where there is none.

        Raises:
            RunFolderError: the journal cannot be read.
        """
        key = _stamp(run)
        with self._lock:
            if key not in self._kept or len(self._kept[key]) > MOST_KEPT:
                self._kept = {k: v for k, v in self._kept.items() if k[0] != key[0]}
                self._kept[key] = {}
            known = self._kept[key]
        for place in places:
            # What is not there may only not be indexed yet.
            if known.get(place) is None and (outcome := index.outcome(*place)) is not None:
                known[place] = outcome
        return {place: known.get(place) for place in places}


def _stamp(run: Run) -> tuple[str, int, int]:
    """What changes when a journal does."""
    try:
        at = run.folder.journal.stat()
    except OSError:
        return (str(run.path), 0, 0)
    return (str(run.path), at.st_mtime_ns, at.st_size)
