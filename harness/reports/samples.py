"""The samples that a page shows: as many as it has room for, evenly chosen.

Evals share the room fairly: one with few samples leaves its part to the others. What does not
fit is left out evenly over kinds and models, and counted; the same samples every time.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from harness.reports import wording
from harness.reports.cards import (
    TITLES,
    Anchors,
    Card,
    Facet,
    Kind,
    facets,
    flip_card,
    miss_card,
)
from harness.reports.document import Document, Section
from harness.reports.sampling import evenly, lot

ROOM = 1_300_000
"""Bytes of samples on a page: with charts and tables around them it stays below 2 MB."""

LEAST = 3
"""Of each eval a few are shown, however many evals there are."""

ON_PAPER = 60
"""So many of an eval are printed."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The cards of a list, and how many samples more there are."""

    cards: tuple[Card, ...] = ()
    left_out: int = 0

    @property
    def kinds(self) -> list[tuple[Kind, str, int]]:
        """Each kind that is there, its title and how many cards are of it."""
        counts = Counter(card.kind for card in self.cards)
        return [(kind, title, counts[kind]) for kind, title in TITLES.items() if counts[kind]]

    @property
    def facets(self) -> tuple[Facet, ...]:
        """What the cards can be filtered by, beside their kind."""
        return facets(self.cards)

    @property
    def has_ideals(self) -> bool:
        """Is there anything to compare answers with, beside the other model's?"""
        return any(card.ideal for card in self.cards)

    @property
    def has_models(self) -> bool:
        """Are there answers of several tuned models?"""
        return len({card.model for card in self.cards}) > 1

    @property
    def note(self) -> str:
        """What is not here, and where it is; "" where nothing is left out."""
        if not self.left_out:
            return ""
        total = wording.counted(len(self.cards) + self.left_out, "sample")
        evenly_over = "kinds and models" if self.has_models else "kinds"
        drawn = f", drawn evenly over {evenly_over}" if self.kinds else ", the worst first"
        return (
            f"This page holds {len(self.cards):,} of {total}{drawn}. "
            "For all of them, open the run folder with"
        )

    @property
    def paper_note(self) -> str:
        """What print leaves out; "" where it shows every card."""
        printed = sum(card.on_paper for card in self.cards)
        if printed == len(self.cards):
            return ""
        return f"{printed:,} of the {len(self.cards):,} samples on this page are printed."


@dataclass(frozen=True, slots=True)
class Samples:
    """What one eval shows: changed samples, or what a model got wrong that stands alone."""

    flips: Shown
    misses: Shown


def samples_of(document: Document, room: int = ROOM) -> tuple[Samples, ...]:
    """The samples of each section, as many as there is room for."""
    lists = [
        waiting
        for number, section in enumerate(document.sections, start=1)
        for waiting in (_flips(section, number), _misses(section, number))
    ]
    _share_out(lists, room)
    shown = [waiting.shown() for waiting in lists]
    return tuple(Samples(*pair) for pair in zip(shown[::2], shown[1::2], strict=True))


# --- who comes first -----------------------------------------------------------------


@dataclass(slots=True)
class _Waiting:
    """Samples that wait for room: ``order`` gives the places of those that come first."""

    count: int
    omitted: int
    order: Iterator[int]
    card: Callable[[int], Card]
    taken: dict[int, Card] = field(default_factory=dict)
    size: int = 0

    def shown(self) -> Shown:
        """Those that came in, in the order of the list; the first of them are printed."""
        printed = set(list(self.taken)[:ON_PAPER])
        cards = tuple(
            card if place in printed else replace(card, on_paper=False)
            for place, card in sorted(self.taken.items())
        )
        return Shown(cards, self.omitted + self.count - len(cards))


def _flips(section: Section, number: int) -> _Waiting:
    kinds = list(TITLES)
    flips = sorted(section.flips, key=lambda flip: kinds.index(flip.kind))
    anchors = Anchors(number, len({flip.tuned_model for flip in flips}) > 1)
    return _Waiting(
        len(flips),
        section.flips_omitted,
        evenly(
            range(len(flips)),
            group=lambda place: (flips[place].kind, flips[place].tuned_model),
            name=lambda place: flips[place].sample_id,
        ),
        lambda place: flip_card(
            flips[place], anchors.to(flips[place].sample_id, flips[place].tuned_model)
        ),
    )


def _misses(section: Section, number: int) -> _Waiting:
    misses, anchors = section.misses, Anchors(number, kind="miss" if section.flips else "sample")
    order = sorted(range(len(misses)), key=lambda i: (misses[i].mark, lot(misses[i].sample_id)))
    return _Waiting(
        len(misses),
        section.misses_omitted,
        iter(order),
        lambda place: miss_card(misses[place], anchors.to(misses[place].sample_id)),
    )


def _share_out(lists: Sequence[_Waiting], room: int) -> None:
    """Whoever has taken least comes next, until there is no room for it."""
    turns = [(0, place) for place in range(len(lists))]
    while turns:
        _, place = heapq.heappop(turns)
        waiting = lists[place]
        found = next(waiting.order, None)
        if found is None:
            continue
        card = waiting.card(found)
        if card.size > room and len(waiting.taken) >= LEAST:
            continue
        waiting.taken[found] = card
        waiting.size += card.size
        room -= card.size
        heapq.heappush(turns, (waiting.size, place))
