"""Places of answers: what a dict of tuples would say, in less room."""

from __future__ import annotations

import random

import pytest

from harness.pipeline.measuring.answer_places import Places


def test_places_say_what_a_dict_of_lists_does() -> None:
    draw, places, known = random.Random(1), Places(), dict[str, tuple[int, ...]]()
    for place in range(500):
        sample_id = f"a.b.{draw.randrange(200)}"
        places.add(sample_id, place)
        known[sample_id] = (*known.get(sample_id, ()), place)
        if place % 100 == 0:  # looked up between additions
            assert places[sample_id] == known[sample_id]
    assert dict(places) == known
    assert list(places) == list(known)
    assert len(places) == len(known)


def test_a_sample_without_answers_has_no_places() -> None:
    places = Places()
    assert not places
    places.add("b", 0)
    assert places
    assert "a" not in places
    assert "c" not in places
    with pytest.raises(KeyError):
        places["bb"]


def test_the_places_of_some_samples_are_theirs_alone() -> None:
    places = Places()
    for place, sample_id in enumerate("abcab"):
        places.add(sample_id, place)
    assert dict(places.only({"a", "c"})) == {"a": (0, 3), "c": (2,)}
