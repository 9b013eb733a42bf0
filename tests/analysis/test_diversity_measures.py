import math

import numpy as np
import pytest

from harness.analysis.diversity import measure, per_prompt_distinct_n, self_bleu, vendi
from harness.analysis.diversity.metrics import MEASURES

A = ["the cat sat on the mat", "the cat sat on the rug", "a dog ran in the park today"]
GROUPS = [A, ["alone"], [], ["a b", "c d"], ["", ""]]


def test_a_value_or_a_reason_for_every_prompt():
    found = measure(GROUPS, ["distinct_4"])["distinct_4"]
    np.testing.assert_allclose(found.per_prompt, [0.8, *[math.nan] * 4])
    few, none = "fewer than 2 texts", "no 4-grams"
    assert found.reasons == (None, few, few, none, none)
    assert found.excluded == {few: 2, none: 2}
    assert found.mean == pytest.approx(0.8)
    assert found.tokenizer == "words"


def test_texts_too_short_to_judge_are_counted():
    assert measure(GROUPS, ["self_bleu"])["self_bleu"].short == 5


def test_across_prompts_is_the_first_text_of_each():
    groups = [[A[0], "x"], [A[1], "y"], [], [A[2]]]
    found = measure(groups, ["self_bleu", "vendi"])
    assert found["self_bleu"].across == self_bleu(A)
    assert found["vendi"].across == pytest.approx(vendi(A))
    alone = measure([A], ["vendi"])["vendi"]
    assert math.isnan(alone.across)
    assert alone.across_reason == "fewer than 2 texts"


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_no_measure_gives_a_number_for_nothing(name):
    found = measure([[], ["one text of five words"]], [name])[name]
    assert np.isnan(found.per_prompt).all()
    assert math.isnan(found.mean)
    assert found.excluded == {"fewer than 2 texts": 2}


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_collapse_moves_every_measure_the_way_it_says(name):
    varied = [
        f"{a} {b} {c} {a}{b} {b}{c} z{a}" for a, b, c in zip("abcd", "efgh", "ijkl", strict=True)
    ]
    found = measure([varied, varied[:1] * 4], [name])[name]
    open_, collapsed = found.per_prompt
    assert (open_ > collapsed) == (found.more_diverse == "higher")


def test_the_values_are_those_of_the_functions():
    found = measure(GROUPS, ["distinct_2"])["distinct_2"]
    np.testing.assert_array_equal(found.per_prompt, per_prompt_distinct_n(GROUPS, 2))


def test_an_unknown_name_is_refused_with_near_ones():
    with pytest.raises(ValueError, match="distinct_2"):
        measure(GROUPS, ["distinct2"])
