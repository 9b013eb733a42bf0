import math
import random

import numpy as np
import pytest

from harness.analysis.diversity import duplicate_rate, per_prompt_self_bleu, self_repetition
from harness.analysis.diversity.examples import least_varied, most_duplicated
from harness.analysis.diversity.pools import compare_pools
from harness.analysis.diversity.profile import profile

A = ["the cat sat on the mat", "the cat sat on the rug", "a dog ran in the park today"]


def row(found, metric, scope="per prompt"):
    return next(r for r in found.rows if (r.metric, r.scope) == (metric, scope))


def stories(prompts, k, words, seed=0, length=12):
    rng = random.Random(seed)
    return [[" ".join(rng.choices(words, k=length)) for _ in range(k)] for _ in range(prompts)]


WORDS = [f"w{i}" for i in range(40)]


def test_all_texts_are_one_set_where_no_prompt_has_two():
    found = profile([[text] for text in A])
    assert not found.varied
    assert {r.scope for r in found.rows} == {"across prompts"}
    assert row(found, "self_bleu", "across prompts").estimate.value == pytest.approx(
        0.517567671494441, abs=1e-15
    )
    assert row(found, "self_repetition", "across prompts").estimate.value == pytest.approx(
        0.7324081924
    )


def test_per_prompt_values_are_means_with_an_interval_over_prompts():
    groups = stories(12, 4, WORDS)
    estimate = row(profile(groups), "self_bleu").estimate
    assert estimate.value == pytest.approx(per_prompt_self_bleu(groups).mean())
    assert estimate.low < estimate.value < estimate.high
    assert (estimate.n, estimate.method) == (12, "bootstrap over prompts")


def test_across_prompts_sets_hold_one_answer_a_prompt():
    groups = [["a b c d", "a b c d"], ["e f g h", "e f g h"], ["i j k l"], []]
    found = profile(groups)
    assert row(found, "duplicate_rate", "across prompts").estimate.value == 0
    assert (found.texts, found.prompts, found.k) == (5, 3, (1, 2, 2))


def test_the_jackknife_is_that_of_leaving_prompts_out():
    texts = [group[0] for group in stories(15, 1, WORDS[:3])]
    estimate = row(profile([[t] for t in texts]), "self_repetition", "across prompts").estimate
    without = np.array([self_repetition(texts[:i] + texts[i + 1 :]) for i in range(15)])
    error = math.sqrt(14 / 15 * ((without - without.mean()) ** 2).sum())
    assert (estimate.high - estimate.low) / 2 == pytest.approx(2.144787 * error, rel=1e-4)


def test_sets_of_prompts_with_different_numbers_of_answers_belong_to_their_prompts():
    groups = [["x y"], ["a b", "p q"], ["c d", "p q"], ["e f", "r s"]]
    estimate = row(profile(groups), "duplicate_rate", "across prompts").estimate
    assert estimate.value == pytest.approx((0 + duplicate_rate(["p q", "p q", "r s"])) / 2)
    assert estimate.n == 4


def test_what_would_take_long_is_left_out_unless_it_is_asked_for():
    texts = [[f"text {i}"] for i in range(501)]
    assert "distinct_k" in profile(texts).omitted
    assert profile(texts, ["vendi_2"]).omitted == {}


def test_texts_too_short_for_a_metric_have_no_value():
    found = profile([["red", "blue"], ["cat", "dog"]])
    distinct = row(found, "distinct_4")
    assert math.isnan(distinct.estimate.value)
    assert distinct.excluded == 2


def test_no_texts_and_unknown_metrics_are_refused():
    with pytest.raises(ValueError, match="no texts"):
        profile([[], []])
    with pytest.raises(ValueError, match="unknown diversity metric"):
        profile([A], ["selfbleu"])


def test_the_least_varied_prompts_come_with_their_commonest_answer():
    groups = [["a b", "c d", "e f"], ["Yes.", "yes.", "no way at all, friend"], ["x"]]
    [found] = least_varied(groups, profile(groups).by_prompt, 5)
    assert (found.place, found.k, found.different) == (1, 3, 2)
    assert (found.commonest, found.same) == ("Yes.", 2)


def test_duplicates_are_counted_over_prompts():
    [found] = most_duplicated([["Yes", "yes "], ["YES", "no"]], 3)
    assert (found.text, found.count, found.prompts) == ("Yes", 3, 2)


def test_wholes_that_narrow_are_less_varied_and_equal_ones_are_not():
    base = stories(80, 1, WORDS * 10)
    same = stories(80, 1, WORDS * 10, seed=1)
    narrow = [[f"this is how it always begins and ends {i % 7}"] for i in range(80)]
    assert compare_pools(narrow, base).verdict == "less varied"
    assert compare_pools(base, narrow).verdict == "more varied"
    assert compare_pools(same, base).verdict == "not shown"


def test_a_difference_of_shares_of_wholes_stays_within_what_is_possible():
    few = [["a b c d e f g"], ["a b c d e f g"], ["x y z u v w"]]
    others = [["a b c d"], ["d e f g"], ["a b q r"]]
    rows = {row.metric: row for row in compare_pools(others, few).rows}
    assert rows["duplicate_rate"].difference.low == -1.0
    assert rows["duplicate_rate"].difference.high == 1.0
    assert rows["self_repetition"].difference.high > 1.0  # no share: it has no upper end


def test_wholes_of_other_lengths_and_sizes_are_cut_alike():
    base = stories(80, 1, WORDS * 10)
    longer = stories(120, 1, WORDS * 10, seed=1, length=24)
    found = compare_pools(longer, base)
    assert found.verdict == "not shown"
    assert found.match.length_difference.value == pytest.approx(12)
