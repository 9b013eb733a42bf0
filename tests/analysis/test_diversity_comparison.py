import math

import numpy as np
import pytest

from harness.analysis.diversity import METRICS, PRIMARY, Metric, compare_diversity

PROMPTS, K, LENGTH = 24, 8, 25


def arm(seed, *, length=LENGTH, vocabulary=300, copies=0.0, prompts=PROMPTS):
    """Generations with words of each prompt's own topic, common ones more often."""
    rng = np.random.default_rng(seed)
    return [generations(rng, p, length, vocabulary, copies) for p in range(prompts)]


def generations(rng, prompt, length, vocabulary, copies):
    odds = 1 / np.arange(1, vocabulary + 1)
    texts = [
        " ".join(f"p{prompt}w{w}" for w in rng.choice(vocabulary, n, p=odds / odds.sum()))
        for n in rng.poisson(length, K) + 4
    ]
    return [texts[0] if rng.random() < copies else text for text in texts]


def verdicts(runs, **changes):
    pairs = ((arm(2 * seed, **changes), arm(2 * seed + 1)) for seed in range(runs))
    return [compare_diversity(tuned, base).verdict for tuned, base in pairs]


def test_identical_arms_raise_no_verdict():
    assert verdicts(20).count("not shown") >= 19


def test_doubling_the_length_raises_no_verdict():
    assert verdicts(8, length=2 * LENGTH) == ["not shown"] * 8


def test_halving_the_length_raises_no_verdict():
    assert verdicts(8, length=LENGTH // 2) == ["not shown"] * 8


def test_planted_duplicates_are_less_diverse():
    assert verdicts(4, copies=0.3) == ["less diverse"] * 4


def test_a_narrowed_vocabulary_is_less_diverse():
    assert verdicts(4, vocabulary=30) == ["less diverse"] * 4


def test_a_longer_and_collapsed_model_is_less_diverse():
    assert verdicts(3, copies=0.3, length=2 * LENGTH) == ["less diverse"] * 3


def test_swapping_the_models_turns_less_into_more():
    tuned, base = arm(0, copies=0.4), arm(1)
    there, back = compare_diversity(tuned, base), compare_diversity(base, tuned)
    assert (there.verdict, back.verdict) == ("less diverse", "more diverse")
    for metric in PRIMARY:
        assert there[metric].difference.value == pytest.approx(-back[metric].difference.value)
        assert there[metric].p_value == pytest.approx(back[metric].p_value)


def test_the_same_texts_do_not_differ_and_claim_no_certainty():
    groups = arm(3)
    comparison = compare_diversity(groups, groups)
    for row in comparison.metrics:
        assert row.difference.value == 0
        assert row.difference.low < 0 < row.difference.high
        assert row.p_value == 1
        assert row.verdict == "not shown"


def test_higher_means_more_diverse_in_every_metric():
    comparison = compare_diversity(arm(0, copies=0.4), arm(1), [*METRICS])
    for row in comparison.metrics:
        assert row.difference.high < 0, row.metric
        assert row.ratio.high < 1
        assert row.tuned.value < row.base.value
        assert row.ratio.value == pytest.approx(row.tuned.value / row.base.value)


def test_values_stay_within_what_they_can_be():
    for row in compare_diversity(arm(0, prompts=3), arm(1, prompts=3)).metrics:
        top = 1 if METRICS[row.metric].unit == "share" else K
        assert 0 <= row.base.low <= row.base.value <= row.base.high <= top


def test_prompts_without_diversity_are_counted_not_scored():
    tuned, base = arm(0), arm(1)
    tuned[0], base[1], tuned[2] = [], ["only one"], ["too short"] * K
    rows = compare_diversity(tuned, base)
    assert rows["duplicate_rate"].excluded == 2
    assert rows["distinct_4"].excluded == 3
    assert rows["distinct_4"].difference.n == PROMPTS - 3


def test_single_answers_have_no_diversity():
    comparison = compare_diversity([["yes"], ["no"]], [["no"], ["yes"]])
    assert comparison.verdict == "not shown"
    for row in comparison.metrics:
        assert math.isnan(row.difference.value)
        assert math.isnan(row.adjusted_p)
        assert (row.difference.n, row.excluded, row.detectable) == (0, 2, None)


def test_few_prompts_cannot_show_a_loss():
    comparison = compare_diversity(arm(0, copies=0.9, prompts=4), arm(1, prompts=4))
    assert comparison.verdict == "not shown"
    assert comparison["duplicate_rate"].ratio.value < 0.7
    assert comparison["duplicate_rate"].detectable > 0


def test_holm_is_over_the_metrics_compared_together():
    alone = compare_diversity(arm(0, copies=0.05), arm(1), ["vendi"])["vendi"]
    among = compare_diversity(arm(0, copies=0.05), arm(1))["vendi"]
    assert alone.p_value == among.p_value == alone.adjusted_p
    assert among.adjusted_p >= alone.adjusted_p


def semantic(value):
    """A stand-in for 1 - mean cosine of embeddings, told by the first text's words."""

    def values(corpus):
        collapsed = np.bincount(corpus.prompts, minlength=corpus.n_prompts)
        tuned = len(set(corpus.texts)) < len(corpus.texts)
        return np.where(collapsed > 1, value if tuned else 0.5, np.nan) + corpus.k * 0.0

    return Metric("embedding", values, kind="semantic")


@pytest.mark.parametrize(("value", "verdict"), [(0.3, "less diverse"), (0.5, "not shown")])
def test_a_semantic_metric_must_confirm_the_lexical_ones(value, verdict):
    comparison = compare_diversity(arm(0, copies=0.4), arm(1), [*PRIMARY, semantic(value)])
    assert comparison.verdict == verdict


def test_seeds_of_one_prompt_are_one_unit():
    tuned, base = [*arm(0), *arm(0)], [*arm(1), *arm(1)]
    units = [*range(PROMPTS), *range(PROMPTS)]
    twice, once = compare_diversity(tuned, base, units=units), compare_diversity(arm(0), arm(1))
    assert twice.metrics == once.metrics
    assert twice.match.length_difference == once.match.length_difference


def test_a_unit_without_any_defined_group_is_excluded_once():
    tuned, base = [*arm(0), [], []], [*arm(1), ["a b c d e"] * K, ["a b c d e"] * K]
    comparison = compare_diversity(tuned, base, units=[*range(PROMPTS), "none", "none"])
    assert comparison["self_bleu"].excluded == 1


def test_the_same_seed_gives_the_same_numbers():
    assert compare_diversity(arm(0), arm(1), seed=5) == compare_diversity(arm(0), arm(1), seed=5)


def test_unknown_and_missing_metrics_are_refused():
    with pytest.raises(ValueError, match="self_bleu"):
        compare_diversity([["a"]], [["b"]], ["self_blue"])
    with pytest.raises(ValueError, match="no metrics"):
        compare_diversity([["a"]], [["b"]], [])


# --- short answers -------------------------------------------------------------------


def test_texts_of_two_words_are_compared_by_bigrams() -> None:
    tuned, base = [["a b"] * 4], [["a b", "c d", "e f", "g h"]]
    row = compare_diversity(tuned, base)["self_bleu"]
    assert (row.tuned.value, row.base.value) == (0, 1)


def test_a_metric_that_few_prompts_define_is_shown_and_not_judged() -> None:
    tuned = [*arm(0, prompts=8), *([["one two three"] * K] * 16)]
    base = [*arm(1, prompts=8), *([["one two four"] * K] * 16)]
    comparison = compare_diversity(tuned, base)
    assert (comparison["distinct_4"].difference.n, comparison["distinct_4"].excluded) == (8, 16)
    assert not comparison["distinct_4"].is_judged
    assert comparison["vendi"].is_judged


@pytest.mark.parametrize(("copies", "verdict"), [(0.4, "less diverse"), (0.0, "not shown")])
def test_answers_of_three_words_are_judged_by_what_they_define(copies: float, verdict: str) -> None:
    def short(seed: int, copies: float) -> list[list[str]]:
        return [[" ".join(t.split()[:3]) for t in g] for g in arm(seed, copies=copies)]

    assert compare_diversity(short(0, copies), short(1, 0.0)).verdict == verdict


# --- what would have been shown ------------------------------------------------------


def test_a_loss_that_would_be_shown_is_shown_four_times_in_five() -> None:
    drops = [compare_diversity(arm(2 * s), arm(2 * s + 1)).detectable_drop for s in range(4)]
    assert all(drop is not None and 0.10 < drop < 0.20 for drop in drops)


def test_too_few_prompts_would_show_no_loss_however_large() -> None:
    assert compare_diversity(arm(0, prompts=5), arm(1, prompts=5)).detectable_drop is None


def test_a_semantic_metric_that_would_show_nothing_leaves_nothing_to_show() -> None:
    blind = Metric("blind", lambda corpus: np.full(corpus.n_prompts, 0.5), kind="semantic")
    assert compare_diversity(arm(0), arm(1), [*PRIMARY, blind]).detectable_drop is None


def test_a_stricter_limit_calls_less_a_loss() -> None:
    tuned, base = arm(0, copies=0.1), arm(1)
    assert compare_diversity(tuned, base, less_diverse=0.6).verdict == "not shown"
    assert compare_diversity(tuned, base, less_diverse=0.95).verdict == "less diverse"


def test_what_stands_beside_the_metrics_judges_nothing() -> None:
    row = compare_diversity(arm(0, copies=0.6), arm(1))["distinct_2"]
    assert row.ratio.high < 0.9
    assert (row.verdict, row.is_judged) == ("not shown", False)


def test_a_loss_is_not_made_good_by_another_metric() -> None:
    tuned, base = arm(0, copies=0.4), arm(1)

    def more_words(corpus):
        return np.where(len(set(corpus.texts)) < len(corpus.texts), 2.0, 1.0) + 0.01 * np.arange(
            corpus.n_prompts
        )

    rows = compare_diversity(tuned, base, [*PRIMARY, Metric("more", more_words, unit="count")])
    assert rows["more"].verdict == "more diverse"
    assert rows.verdict == "less diverse"


def test_a_semantic_metric_reads_the_matched_texts() -> None:
    seen = []

    def values(corpus):
        seen.append((corpus.texts, corpus.lengths))
        return np.full(corpus.n_prompts, 0.5)

    compare_diversity(arm(0, length=60), arm(1), [*PRIMARY, Metric("m", values, kind="semantic")])
    (_, tuned), (_, base) = seen
    assert tuned.tolist() == base.tolist()
