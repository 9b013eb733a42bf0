from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.leakage import exact_overlap, near_overlap, overlaps, run_overlap

TRAIN = [
    "How do I activate my new card?",
    "Where is the nearest branch to my office in the city centre?",
    "",
    "How do I activate my new card?",
]


def pairs(found):
    return [(overlap.heldout, overlap.train) for overlap in found]


def test_equal_texts_overlap_case_spacing_and_composition_aside():
    heldout = ["how do I  activate my NEW card?\n", "Something else", ""]
    found = exact_overlap([*TRAIN, "café"], [*heldout, "CAFE\u0301"])
    assert pairs(found) == [(0, 0), (3, 4)]
    assert {overlap.tier for overlap in found} == {"exact"}


def test_near_texts_overlap_with_their_similarity():
    (found,) = near_overlap(TRAIN, ["How do I activate my new cards?", "Why was I charged twice?"])
    assert (found.heldout, found.train, found.tier) == (0, 0, "char-5 Jaccard")
    assert found.similarity == pytest.approx(jaccard(TRAIN[0], "How do I activate my new cards?"))


def test_thirteen_shared_words_overlap():
    passage = "it was the best of times it was the worst of times it was the age of wisdom"
    assert pairs(run_overlap(["x", f"Read: {passage}."], [f"{passage} ... continue"])) == [(0, 1)]


def test_each_item_is_reported_once_in_its_surest_tier():
    passage = " ".join(f"word{k}" for k in range(14))
    train = [
        "Could you tell me what my balance is today?",
        passage + " and then much more of something else here",
    ]
    heldout = [
        "could you tell me what my balance is today?",
        "Can you tell me what my balance is today?",
        passage,
        "unrelated",
    ]
    found = overlaps(train, heldout)
    assert [(o.heldout, o.tier) for o in found] == [
        (0, "exact"),
        (1, "char-5 Jaccard"),
        (2, "13-gram"),
    ]


def test_the_nearest_training_item_is_named():
    train = ["my card has not arrived in the post", "my card has not arrived in the mail yet"]
    (found,) = near_overlap(train, ["my card has not arrived in the mail"], threshold=0.5)
    assert found.train == 1


def test_texts_without_shingles_are_left_out():
    assert near_overlap(["", "a", "abcd"], ["", "a", "abcd"]) == ()


@pytest.mark.parametrize(("train", "heldout"), [([], ["some text"]), (["some text"], []), ([], [])])
def test_nothing_overlaps_with_nothing(train, heldout):
    assert overlaps(train, heldout) == ()


SHORT = st.text("ab ", max_size=14)
LONG = st.tuples(st.integers(0, 40), st.integers(0, 6), st.text("xyz", max_size=12)).map(
    lambda cut: ("the quick brown fox jumps over a lazy dog " * 2)[cut[1] : cut[0] + 30] + cut[2]
)


@settings(max_examples=200)
@given(
    st.lists(SHORT | LONG, max_size=8),
    st.lists(SHORT | LONG, max_size=4),
    st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0]),
)
def test_no_near_text_is_missed(train, heldout, threshold):
    found = near_overlap(train, heldout, threshold)
    best = [max((jaccard(t, h) for t in train), default=0.0) for h in heldout]
    assert [o.heldout for o in found] == [i for i, s in enumerate(best) if s >= threshold]
    assert [o.similarity for o in found] == [s for s in best if s >= threshold]
    assert all(jaccard(train[o.train], heldout[o.heldout]) == o.similarity for o in found)


def jaccard(first, second):
    one, two = shingles(first), shingles(second)
    return len(one & two) / len(one | two) if one | two else 0.0


def shingles(text):
    flat = " ".join(text.casefold().split())
    return {flat[i : i + 5] for i in range(len(flat) - 4)}


def test_copies_are_found_among_ten_thousand_training_texts():
    random = Random(0)
    words = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("n", "ster", "ling")]
    texts = [" ".join(random.choices(words, k=12)) for _ in range(11_000)]
    found = overlaps(texts[:10_000], [*texts[10_000:], *texts[:50]])
    assert [(one.heldout, one.tier) for one in found if one.tier == "exact"] == [
        (place, "exact") for place in range(1_000, 1_050)
    ]


@pytest.mark.parametrize("threshold", [0, -1, 1.1])
def test_thresholds_that_are_no_share_are_refused(threshold):
    with pytest.raises(ValueError, match="Jaccard"):
        near_overlap(["a"], ["b"], threshold)
