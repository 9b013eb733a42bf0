import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.diversity import copy_rate, nearest_training

WORDS = [f"word{k}" for k in range(30)]


def said(start, stop):
    return " ".join(WORDS[start:stop])


def longest_shared(one, other):
    """Brute force."""
    a, b = one.split(), other.split()
    lengths = [0] * (len(b) + 1)
    best = 0
    for x in a:
        lengths = [0, *(lengths[j] + 1 if x == y else 0 for j, y in enumerate(b))]
        best = max(best, *lengths)
    return best


def test_the_item_with_the_longest_run_is_named_not_the_first():
    training = ["nothing", said(3, 18), said(2, 20), said(0, 14)]
    [found] = nearest_training([f"Well: {said(0, 22)}!"], training)
    assert (found.text, found.training, found.tokens) == (0, 2, 18)
    assert found.run == said(2, 20)


def test_the_run_is_quoted_as_the_text_writes_it():
    [found] = nearest_training([f"A {said(0, 13).upper()}, b"], [said(0, 13)])
    assert found.run == said(0, 13).upper()


def test_the_prompts_own_words_are_no_copy_but_a_further_run_is():
    training = [said(0, 20), " ".join(f"x{k}" for k in range(13))]
    text = said(0, 20) + " and " + training[1]
    [found] = nearest_training([text], training, prompts=[said(0, 20)])
    assert (found.training, found.tokens) == (1, 13)
    assert nearest_training([said(0, 20)], training, prompts=[said(0, 20)]) == ()


def test_a_short_item_is_copied_whole():
    [found] = nearest_training(["carpe  DIEM", "else"], ["Carpe diem"])
    assert (found.text, found.tokens, found.run) == (0, 2, "carpe  DIEM")


def test_nothing_to_copy_from_and_nobody_who_copies():
    assert nearest_training(["a b"], []) == ()
    assert nearest_training([], ["a b"]) == ()
    assert nearest_training(["", "x"], ["", "y"]) == ()


def test_prompts_are_one_a_text():
    with pytest.raises(ValueError, match="2 prompts for 1 texts"):
        nearest_training(["a"], ["b"], prompts=["p", "q"])


lines = st.lists(st.text("ab ", max_size=24), min_size=1, max_size=5)


@given(lines, lines)
@settings(max_examples=150, deadline=None)
def test_runs_are_the_longest_there_are_and_texts_those_of_copy_rate(texts, training):
    found = {one.text: one for one in nearest_training(texts, training, 3)}
    sources = copy_rate(texts, training, 3).sources
    assert set(found) == {i for i, source in enumerate(sources) if source is not None}
    for index, one in found.items():
        shared = " ".join(one.run.split())
        assert shared in " ".join(training[one.training].split())
        best = max(longest_shared(texts[index], item) for item in training)
        assert one.tokens == len(shared.split())
        assert one.tokens == best or best < 3
