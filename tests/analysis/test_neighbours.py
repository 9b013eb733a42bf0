from __future__ import annotations

import random

from harness.analysis.leakage import near_overlap
from harness.analysis.neighbours import Groups, groups_of, jaccard, near_pairs, shingles, signatures

WORDS = [a + b for a in "bkrtmshlvdpgn" for b in ("an", "el", "io", "ut", "esk")]


def texts(n: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=12)) for _ in range(n)]


def changed(text: str, words: int, seed: int) -> str:
    rng = random.Random(seed)
    parts = text.split()
    for place in rng.sample(range(len(parts)), words):
        parts[place] = rng.choice(WORDS)
    return " ".join(parts)


def test_the_pairs_are_those_that_comparing_everything_finds() -> None:
    train = texts(400, 1)
    heldout = [changed(text, 1 + i % 3, i) for i, text in enumerate(train[:150])]
    exact = {found.heldout for found in near_overlap(train, heldout)}
    everything = train + heldout
    pairs = near_pairs(signatures(everything), everything.__getitem__, others_from=len(train))
    found = {pair.second - len(train) for pair in pairs}
    assert found <= exact
    assert len(found) >= 0.97 * len(exact) > 20


def test_groups_hold_all_that_are_connected() -> None:
    (first,) = texts(1, 3)
    family = [first, f"{first} ban", f"{first} ban bel"]
    everything = [*texts(50, 4), *family]
    pairs = near_pairs(signatures(everything), everything.__getitem__)
    assert groups_of(len(everything), pairs) == [[50, 51, 52]]


def test_a_phrase_that_all_share_hides_no_pair() -> None:
    phrase = "answer with one word only, billing or shipping: "
    everything = [phrase + text for text in texts(300, 5)]
    everything.append(everything[17] + " now")
    pairs = near_pairs(signatures(everything), everything.__getitem__, threshold=0.9)
    assert [17, 300] in groups_of(len(everything), pairs)


def test_texts_without_characters_are_near_nothing() -> None:
    everything = ["", " ", "a", "a", "b"]
    pairs = near_pairs(signatures(everything), everything.__getitem__)
    assert groups_of(5, pairs) == [[2, 3]]
    assert jaccard(shingles(""), shingles("")) == 0.0


def test_the_smallest_leads_a_group() -> None:
    groups = Groups(5)
    groups.join(4, 2)
    groups.join(3, 4)
    assert [groups.leader(i) for i in range(5)] == [0, 1, 2, 2, 2]
    assert groups.larger_than_one() == [[2, 3, 4]]
