"""One answer a prompt, compared across prompts."""

import math

import numpy as np
import pytest
from scipy.stats import t

from harness.analysis.diversity import (
    compare_across,
    compare_diversity,
    distinct_n,
    self_repetition,
)

PROMPTS, K = 9, 3
BY_HAND = {
    "self_repetition": self_repetition,
    "distinct_4": lambda texts: distinct_n(texts, 4),
}


def arm(seed, pool=6):
    """Answers that begin with one of few sentences, whatever the prompt."""
    rng = np.random.default_rng(seed)
    starts = [" ".join(f"w{w}" for w in rng.integers(0, 30, 6)) for _ in range(pool)]
    ends = rng.integers(0, 200, (PROMPTS, K, 4))
    return [
        [f"{starts[rng.integers(pool)]} {' '.join(f'x{w}' for w in end)}" for end in group]
        for group in ends
    ]


def mean_over_sets(metric, groups, without=None):
    kept = [group for prompt, group in enumerate(groups) if prompt != without]
    return np.mean([metric([group[j] for group in kept]) for j in range(K)])


def rows(tuned, base, units=None):
    found = compare_across(tuned, base, range(len(tuned)) if units is None else units, "words")
    return {row.metric: row for row in found}


@pytest.mark.parametrize("metric", BY_HAND)
def test_values_and_the_jackknife_are_those_of_leaving_out_by_hand(metric):
    by_hand, tuned, base = BY_HAND[metric], arm(1, pool=4), arm(2, pool=40)
    row = rows(tuned, base)[metric]
    assert row.tuned == pytest.approx(mean_over_sets(by_hand, tuned))
    assert row.base == pytest.approx(mean_over_sets(by_hand, base))
    left = np.array(
        [
            mean_over_sets(by_hand, tuned, p) - mean_over_sets(by_hand, base, p)
            for p in range(PROMPTS)
        ]
    )
    error = math.sqrt((PROMPTS - 1) / PROMPTS * ((left - left.mean()) ** 2).sum())
    assert row.difference.value == pytest.approx(row.tuned - row.base)
    assert row.difference.high - row.difference.value == pytest.approx(
        error * t.ppf(0.975, PROMPTS - 1)
    )


def test_saying_the_same_to_every_prompt_is_repetition_across_prompts():
    row = rows(arm(1, pool=3), arm(2, pool=400))
    assert row["self_repetition"].difference.low > 0
    assert row["distinct_4"].difference.high < 0


def test_two_equal_models_differ_by_nothing_in_nineteen_of_twenty():
    covered = 0
    for seed in range(60):
        found = rows(arm(2 * seed), arm(2 * seed + 1))["distinct_4"].difference
        covered += found.low <= 0 <= found.high
    assert covered >= 57


def test_seeds_never_meet_in_a_set():
    once = rows(arm(1), arm(2))
    twice = rows([*arm(1), *arm(1)], [*arm(2), *arm(2)], [*range(PROMPTS), *range(PROMPTS)])
    for metric, row in once.items():
        assert twice[metric].tuned == pytest.approx(row.tuned)
        assert twice[metric].difference.high == pytest.approx(row.difference.high)


def test_two_prompts_are_too_few():
    for row in rows(arm(1)[:2], arm(2)[:2]).values():
        assert math.isnan(row.difference.value)
        assert row.difference.n == 0


def test_texts_without_fourgrams_have_no_number():
    short = [["a b"] * K] * PROMPTS
    assert math.isnan(rows(short, short)["distinct_4"].tuned)


def test_nothing_in_common_claims_no_certainty():
    unique = [[f"{a} {p} {i} {j}" for j in "abc"] for p, i in enumerate("qrstuvwxy") for a in "n"]
    difference = rows(unique, unique)["self_repetition"].difference
    assert (difference.value, difference.low) == (0, -math.inf)


def test_seeds_do_not_make_an_arm_more_compressible():
    tuned, base = arm(1), arm(2)
    twice = compare_diversity(
        [*tuned, *tuned], [*base, *base], units=[*range(PROMPTS), *range(PROMPTS)]
    )
    assert twice.compression == compare_diversity(tuned, base).compression
