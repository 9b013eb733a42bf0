"""Cards: changed samples and wrong answers ready to read, to filter and to link to."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from markupsafe import escape

from harness.reports import scores, wording
from harness.reports.answers import contrast, fault
from harness.reports.document import Flip, FlipKind, Miss
from harness.reports.wordwise import Piece

Kind = FlipKind | Literal["wrong"]

TITLES: dict[Kind, str] = {"broken": "Broken", "fixed": "Fixed", "both_wrong": "Both wrong"}
"""What became of a sample, the worst first: the order in which samples stand on a page."""

REASON_LIMIT = 300

MOST_LABELS, LABEL_LENGTH = 50, 80
"""Ideal answers are labels to filter by where they are few, short, and come again."""

MOST_CLUSTERS = 200
"""A longer list of documents helps nobody to choose; the search finds their names."""

MARKUP, MARK = 400, 22
"""Bytes of our own around the texts of a card, and around each piece that differs."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one model answered."""

    title: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """One sample ready to read.

    A link to it ends in ``anchor``; ``note`` is what the grader said. Cards that are not
    ``on_paper`` are left out in print.
    """

    kind: Kind
    title: str
    sample_id: str
    anchor: str
    prompt: str
    ideal: str
    answers: tuple[Said, ...]
    model: str = ""
    cluster: str = ""
    note: str = ""
    on_paper: bool = True

    @property
    def size(self) -> int:
        """Bytes that it takes on a page, to some percent."""
        pieces = [piece for said in self.answers for piece in said.pieces]
        about = (self.sample_id, self.anchor, self.anchor, self.model, self.cluster, self.note)
        texts = (*about, self.prompt, self.ideal, *(piece.text for piece in pieces))
        marks = sum(piece.differs or piece.differs_too for piece in pieces)
        return MARKUP + MARK * marks + sum(_bytes(text) for text in texts)


def _bytes(text: str) -> int:
    """How long a text is on the page; what is no character becomes a short one."""
    return len(escape(text).encode("utf-8", "replace"))


def flip_card(flip: Flip, anchor: str) -> Card:
    """A changed sample: the ideal answer and both models'."""
    view = contrast(flip)
    return Card(
        kind=flip.kind,
        title=TITLES[flip.kind],
        sample_id=flip.sample_id,
        anchor=anchor,
        prompt=view.prompt,
        ideal=view.ideal,
        answers=(Said("Base said", view.base), Said("Tuned said", view.tuned)),
        model=flip.tuned_model,
        cluster=flip.cluster or "",
    )


def miss_card(miss: Miss, anchor: str) -> Card:
    """What a model got wrong that stands alone."""
    view = fault(miss)
    return Card(
        kind="wrong",
        title=scores.mark_text(miss),
        sample_id=miss.sample_id,
        anchor=anchor,
        prompt=view.prompt,
        ideal=view.ideal,
        answers=(Said("Answer", view.answer),),
        cluster=miss.cluster or "",
        note=wording.shortened(miss.reason, REASON_LIMIT),
    )


# --- links ---------------------------------------------------------------------------


@dataclass(slots=True)
class Anchors:
    """What links to the samples of one eval name: the same in every report of a run.

    They end in the sample's id, made fit for an address, and in a hash of the model where
    ``several`` models have cards of the same samples.
    """

    number: int
    several: bool = False
    kind: str = "sample"
    _given: Counter[str] = field(default_factory=Counter)

    def to(self, sample_id: str, model: str = "") -> str:
        """The anchor of one sample; of two that are called alike the second gets a number."""
        model_part = f".{_digest(model)[:6]}" if self.several else ""
        anchor = f"eval-{self.number}-{self.kind}-{_slug(sample_id)}{model_part}"
        self._given[anchor] += 1
        again = self._given[anchor]
        return anchor if again == 1 else f"{anchor}~{again}"


_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 60


def _slug(sample_id: str) -> str:
    """The id where an address can hold it, else what can be kept of it and a hash."""
    kept = _UNFIT.sub("-", sample_id)[:_LONGEST]
    return kept if kept == sample_id and kept else f"{kept}-{_digest(sample_id)[:8]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


# --- filters -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Facet:
    """Something to filter cards by, and how many have each of its values."""

    name: str
    values: dict[str, int]
    of: Callable[[Card], str]

    def place(self, card: Card) -> int | None:
        """Which of the values a card has; None where it has none."""
        value = self.of(card)
        return list(self.values).index(value) if value in self.values else None


def facets(cards: Sequence[Card]) -> tuple[Facet, ...]:
    """What these cards can be filtered by, beside their kind."""
    labels = _facet("label", cards, lambda card: card.ideal)
    found = (
        _facet("model", cards, lambda card: card.model),
        labels if _are_labels(labels) else None,
        _facet("cluster", cards, lambda card: card.cluster),
    )
    return tuple(f for f in found if f is not None and 1 < len(f.values) <= MOST_CLUSTERS)


def _facet(name: str, cards: Sequence[Card], of: Callable[[Card], str]) -> Facet:
    counts = Counter(value for card in cards if (value := of(card)))
    return Facet(name, {value: counts[value] for value in sorted(counts)}, of)


def _are_labels(facet: Facet) -> bool:
    """Do ideal answers say what a sample is, and not what is in it?"""
    short = all(len(value) <= LABEL_LENGTH for value in facet.values)
    come_again = 2 * len(facet.values) <= sum(facet.values.values())
    return short and come_again and len(facet.values) <= MOST_LABELS
