from __future__ import annotations

import dataclasses
import re

import pytest

from harness.reports.cards import MOST_LABELS, Anchors, Card, facets, flip_card, miss_card
from harness.reports.document import Flip, Miss

FLIP = Flip("broken", "s-1", "Where?", "in Lyon", "in Lyon", "in Paris", "tuned", "letter 7")
CARD = flip_card(FLIP, "eval-1-sample-s-1")


def marked(card: Card, name: str) -> list[list[str]]:
    return [[p.text for p in said.pieces if getattr(p, name)] for said in card.answers]


def test_both_answers_are_compared_with_the_ideal_and_with_each_other():
    assert [said.title for said in CARD.answers] == ["Base said", "Tuned said"]
    assert marked(CARD, "differs") == [[], ["Paris"]]
    assert marked(CARD, "differs_too") == [["Lyon"], ["Paris"]]


def test_a_wrong_answer_is_compared_with_the_ideal_alone():
    card = miss_card(Miss("s", "Where?", "in Lyon", "in Paris", 0.4, "near", "letter 7"), "a")
    assert (card.title, card.note, card.cluster) == ("Partly right, 40%", "near", "letter 7")
    assert marked(card, "differs") == [["Paris"]]
    assert marked(card, "differs_too") == [[]]


def test_a_link_ends_in_the_samples_id():
    assert Anchors(3).to("orders.heldout.12") == "eval-3-sample-orders.heldout.12"


def test_answers_of_several_models_to_one_sample_have_links_of_their_own():
    one, other = (Anchors(1, several=True).to("s", model) for model in ("a", "b"))
    assert one != other
    assert one == Anchors(1, several=True).to("s", "a")


@pytest.mark.parametrize(
    "sample_id", ["", "a b", "x" * 500, '"><script>', "ä", "\ud800", "%41", "~2", "a/../b"]
)
def test_whatever_a_sample_is_called_its_link_is_short_plain_and_the_same_again(sample_id):
    anchor = Anchors(1).to(sample_id)
    assert re.fullmatch(r"eval-1-sample-[A-Za-z0-9._-]{1,80}", anchor)
    assert anchor == Anchors(1).to(sample_id)
    assert anchor != Anchors(1).to(sample_id + "!")


def test_samples_of_one_name_have_different_links():
    anchors = Anchors(1)
    assert len({anchors.to("s") for _ in range(5)}) == 5


def named(facet_name: str, cards: list[Card]) -> dict[str, int] | None:
    return next((f.values for f in facets(cards) if f.name == facet_name), None)


def test_ideals_that_come_again_are_labels():
    cards = [dataclasses.replace(CARD, ideal=ideal) for ideal in ("yes", "no", "yes", "no", "no")]
    assert named("label", cards) == {"no": 3, "yes": 2}
    (facet,) = (f for f in facets(cards) if f.name == "label")
    assert [facet.place(card) for card in cards] == [1, 0, 1, 0, 0]


@pytest.mark.parametrize(
    "ideals",
    [
        ["yes"] * 9,
        [f"answer {i}" for i in range(9)],
        [f"label {i}" for i in range(MOST_LABELS + 1)] * 3,
        ["long " * 40, "short"] * 9,
    ],
)
def test_ideals_that_are_all_alike_or_all_different_many_or_long_are_no_labels(ideals):
    assert named("label", [dataclasses.replace(CARD, ideal=ideal) for ideal in ideals]) is None


def test_clusters_and_models_are_filters_where_there_are_several():
    other = dataclasses.replace(CARD, cluster="letter 8", model="tuned-2")
    assert named("cluster", [CARD, CARD]) is None
    assert named("cluster", [CARD, other]) == {"letter 7": 1, "letter 8": 1}
    assert named("model", [CARD, other, other]) == {"tuned": 1, "tuned-2": 2}
    without = dataclasses.replace(CARD, cluster="")
    (facet,) = (f for f in facets([CARD, other, without]) if f.name == "cluster")
    assert facet.place(without) is None
