import numpy as np
import pytest

from harness.analysis.stats import (
    against_selected,
    bonferroni,
    max_t_p,
    selected_score,
    wilson_interval,
)


def plateau(rng, n, checkpoints=5, share=0.7):
    """Marks of checkpoints that are equally good, and right on much the same samples."""
    ease = rng.beta(share * 2, (1 - share) * 2, n)
    return (rng.random((checkpoints, n)) < ease).astype(float)


def test_the_winner_pays_for_every_checkpoint_that_was_tried():
    assert bonferroni(0.01, 5) == pytest.approx(0.05)
    assert bonferroni(0.4, 5) == 1.0
    with pytest.raises(ValueError, match="at least one"):
        bonferroni(0.1, 0)


def test_one_checkpoint_needs_no_correction():
    found, plain = selected_score([[1.0] * 41 + [0.0] * 9]), wilson_interval(41, 50)
    assert (found.value, found.low, found.high) == pytest.approx(
        (plain.value, plain.low, plain.high)
    )


@pytest.mark.parametrize(("n", "flattery"), [(50, 0.046), (100, 0.033), (300, 0.019)])
def test_correction_takes_most_of_the_flattery_away(n, flattery):
    rng = np.random.default_rng(n)
    tables = [plateau(rng, n) for _ in range(150)]
    plain = np.mean([table.mean(axis=1).max() for table in tables]) - 0.7
    corrected = np.mean([selected_score(t, resamples=200).value for t in tables]) - 0.7
    assert plain > 0.7 * flattery
    assert abs(corrected) < 0.4 * plain


def test_the_corrected_interval_covers_the_true_score():
    rng = np.random.default_rng(4)
    found = [selected_score(plateau(rng, 60), resamples=200) for _ in range(300)]
    assert np.mean([e.low <= 0.7 <= e.high for e in found]) >= 0.93


def test_a_clear_winner_keeps_its_score():
    scores = [[1.0] * 90 + [0.0] * 10, [1.0] * 40 + [0.0] * 60]
    assert selected_score(scores).value == pytest.approx(0.9, abs=0.01)


def test_graded_scores_are_corrected_too():
    rng = np.random.default_rng(0)
    scores = np.clip(rng.normal(0.6, 0.2, (5, 80)), 0, 1)
    found = selected_score(scores)
    assert found.value < scores.mean(axis=1).max()
    assert found.low < found.value < found.high


def test_equal_checkpoints_stay_as_they_are():
    assert selected_score([[1.0, 1.0, 0.0]] * 3).value == pytest.approx(2 / 3)
    assert selected_score([[1.0], [0.0]]).value == 1.0


def test_max_t_finds_fewer_than_it_should_at_most_as_often_as_it_may():
    rng = np.random.default_rng(7)
    base, *tuned = (plateau(rng, 80, 6) for _ in range(1)).__next__()
    assert len(max_t_p([t - base for t in tuned], resamples=199)) == 5
    least = []
    for _ in range(200):
        base, *tuned = plateau(rng, 80, 6)
        least.append(min(max_t_p([t - base for t in tuned], resamples=199)))
    assert np.mean(np.array(least) <= 0.05) <= 0.09


def test_max_t_loses_less_than_bonferroni_where_checkpoints_are_alike():
    rng = np.random.default_rng(9)
    gain = (rng.random(100) < 0.15).astype(float) - (rng.random(100) < 0.05)
    alone = max_t_p([gain])[0]
    together = max_t_p([gain] * 5)[0]
    assert together == pytest.approx(alone, abs=0.01)
    assert together < bonferroni(alone, 5)


def test_no_change_is_no_evidence():
    assert max_t_p([[0.0, 0.0], [1.0, -1.0]])[0] == 1.0
    assert max_t_p([[0.0, 0.0]]) == [1.0]


def test_checkpoints_of_different_length_are_refused():
    with pytest.raises(ValueError, match="pair them"):
        selected_score([[1.0], [1.0, 0.0]])
    with pytest.raises(ValueError, match="pair them"):
        max_t_p([])


def test_tuning_against_the_best_of_equal_prompts_is_not_made_to_look_worse() -> None:
    """Five prompts that are equally good, tuning no better: the plain difference is below 0."""
    rng = np.random.default_rng(11)
    plain, corrected, covered, trials = 0.0, 0.0, 0, 200
    for _ in range(trials):
        ours = (rng.random(80) < 0.7).astype(float)
        prompts = (rng.random((5, 80)) < 0.7).astype(float)
        found, _ = against_selected(ours, list(prompts))
        plain += (ours.mean() - prompts.mean(axis=1).max()) / trials
        corrected += found.value / trials
        covered += found.low <= 0 <= found.high
    assert plain < -0.045
    assert abs(corrected) < 0.02
    assert covered / trials >= 0.94


def test_one_prompt_needs_no_correction() -> None:
    found, p = against_selected([1, 1, 0, 1], [[1, 0, 0, 0]])
    assert found.value == pytest.approx(0.5)
    assert "picked" not in found.method
    assert 0 < p < 1
