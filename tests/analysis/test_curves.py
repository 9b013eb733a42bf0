"""Validation curves: how often noise is taken for news, and news for noise."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

import pytest

from harness.analysis.advice import advise
from harness.analysis.curves import (
    MOST_POINTS,
    CurveReading,
    Evaluation,
    binned,
    noise_of,
    not_evaluated,
    own_noise,
    read_curve,
)
from harness.analysis.evidence import Evidence
from harness.analysis.thresholds import DEFAULT

RUNS = 150


def evaluations(
    losses: Sequence[float],
    epochs: float | None = None,
    accuracies: Sequence[float] | None = None,
    kept: Sequence[int] | None = None,
) -> tuple[Evaluation, ...]:
    """Evaluations at equal distances; ``kept`` are those with a checkpoint (None: all)."""
    step = (epochs or len(losses)) / len(losses)
    return tuple(
        Evaluation(
            step * (i + 1),
            loss,
            accuracies[i] if accuracies else None,
            f"c{i + 1}" if kept is None or i + 1 in kept else None,
        )
        for i, loss in enumerate(losses)
    )


def reading(losses: Sequence[float], epochs: float | None = None) -> CurveReading:
    found = read_curve(evaluations(losses, epochs), DEFAULT)
    assert found is not None
    return found


def share(
    wanted: str, true: Callable[[float], float], count: int, noise: float, epochs: float
) -> float:
    """How many of the seeded noisy curves are read as wanted; ``true`` is given 0..1."""
    rng = random.Random(f"{wanted}{count}{noise}")
    places = [i / (count - 1) for i in range(count)]
    curves = ([true(t) * (1 + rng.gauss(0, noise)) for t in places] for _ in range(RUNS))
    return sum(reading(curve, epochs).shape == wanted for curve in curves) / RUNS


@pytest.mark.parametrize("noise", [0.005, 0.01, 0.02])
@pytest.mark.parametrize("count", [5, 8, 12, 20])
def test_flat_noisy_curves_raise_nothing(count: int, noise: float) -> None:
    assert share("level", lambda t: 1.3, count, noise, epochs=3) >= 0.95


@pytest.mark.parametrize("noise", [0.005, 0.01, 0.02])
@pytest.mark.parametrize("count", [3, 5, 10, 20])
@pytest.mark.parametrize(
    "true",
    [lambda t: 2 - 0.6 * t, lambda t: 1 + math.exp(-2 * t), lambda t: (1 + 9 * t) ** -0.3],
    ids=["line", "exponential", "power"],
)
def test_curves_that_still_fall_are_seen(
    true: Callable[[float], float], count: int, noise: float
) -> None:
    assert share("falling", true, count, noise, epochs=3) >= 0.9


@pytest.mark.parametrize("noise", [0.005, 0.01, 0.02])
@pytest.mark.parametrize("count", [5, 10, 20])
def test_curves_that_fell_and_lie_level_do_not_fall(count: int, noise: float) -> None:
    assert share("falling", lambda t: 1 + math.exp(-12 * t), count, noise, epochs=4) <= 0.05


@pytest.mark.parametrize("noise", [0.005, 0.01, 0.02])
@pytest.mark.parametrize("count", [3, 5, 10, 20])
def test_curves_that_are_clearly_over_are_seen(count: int, noise: float) -> None:
    assert share("over", lambda t: 1.3 * (1 + (t - 0.5) ** 2), count, noise, epochs=3) >= 0.9


def test_three_evaluations_are_enough_for_a_clear_case() -> None:
    assert reading([1.2, 1.0, 1.5]).shape == "over"
    assert reading([1.0, 1.02, 1.03]).shape == "level"
    assert reading([2.0, 1.2, 1.19]).shape == "level"
    assert reading([2.0, 1.5]).shape == "falling"


def test_one_evaluation_says_nothing() -> None:
    assert read_curve(evaluations([1.0]), DEFAULT) is None
    assert read_curve((), DEFAULT) is None
    assert read_curve(evaluations([1.0, math.nan]), DEFAULT) is None


def test_a_bump_that_passed_is_not_over() -> None:
    assert reading([1.5, 1.0, 1.3, 1.3, 1.0, 0.99]).shape != "over"


@pytest.mark.parametrize("noise", [0.005, 0.01, 0.02])
@pytest.mark.parametrize("count", [4, 5, 8, 12, 20])
def test_a_steep_first_epoch_does_not_hide_a_rise(count: int, noise: float) -> None:
    def true(t: float) -> float:
        return 2.7 if t == 0 else 1.1 + (t - 0.5) ** 2

    assert share("over", true, count, noise, epochs=4) >= 0.9


@pytest.mark.parametrize("noise", [0.005, 0.01, 0.02])
@pytest.mark.parametrize("count", [5, 8, 12, 20])
def test_coming_back_from_a_bump_is_no_fall(count: int, noise: float) -> None:
    def spike(t: float) -> float:
        return 1.2 * (1.4 if abs(t - 0.5) < 0.05 else 1)

    def restart(t: float) -> float:
        return 1.2 * (1 + 0.1 * math.exp(-10 * (t - 0.5)) * (t >= 0.5))

    for true in (spike, restart):
        assert share("falling", true, count, noise, epochs=4) <= 0.05


def test_a_steep_first_epoch_is_no_noise() -> None:
    assert reading([2.7, 1.1, 1.1, 1.2, 1.4, 1.6]).noise < 0.03
    assert reading([2.7, 1.1]).noise == pytest.approx(0.02)


def test_losses_near_zero_move_without_meaning() -> None:
    assert reading([0.003, 0.0001, 0.0009, 0.0002, 0.0007]).shape == "level"
    assert reading([0.0, 0.0, 0.0]).rise == 0


def test_noise_is_known_from_many_points_and_assumed_with_few() -> None:
    rng = random.Random(3)
    assert noise_of([0.0, 1.0], 0.02) == pytest.approx(0.02)
    assert noise_of([rng.gauss(0, 0.1) for _ in range(400)], 0.02) == pytest.approx(0.1, rel=0.2)
    bend = [math.log(1 + math.exp(-i / 4)) for i in range(20)]
    assert noise_of(bend, 0.02) < 0.02


def test_long_curves_are_averaged_down() -> None:
    assert binned([1.0] * 1000) == [1.0] * MOST_POINTS
    assert binned([1.0, 2.0]) == [1.0, 2.0]
    rng = random.Random(5)
    long = [2 - i / 1000 + rng.gauss(0, 0.05) for i in range(1000)]
    assert reading(long, epochs=3).shape == "falling"


# --- evaluations at unequal distances ------------------------------------------------


def placed(epochs: Sequence[float], losses: Sequence[float]) -> CurveReading:
    pairs = zip(epochs, losses, strict=True)
    found = read_curve(tuple(Evaluation(epoch, loss) for epoch, loss in pairs), DEFAULT)
    assert found is not None
    return found


DENSE_FIRST = (*(k / 10 for k in range(1, 11)), 2.0, 3.0, 4.0)
LOGARITHMIC = (0.03, 0.06, 0.12, 0.24, 0.48, 0.96, 1.92, 3.0)


def test_ten_evaluations_in_the_first_epoch_do_not_make_the_flat_ones_after_it_fall() -> None:
    losses = [*(1.5 - 0.03 * k for k in range(1, 11)), 1.2, 1.2, 1.2]
    assert placed(DENSE_FIRST, losses).shape == "level"


@pytest.mark.parametrize("noise", [0.005, 0.01, 0.02])
def test_a_level_end_is_level_however_dense_the_start(noise: float) -> None:
    rng = random.Random(f"dense{noise}")
    fell = [max(1.2, 1.5 - 0.3 * epoch) for epoch in DENSE_FIRST]
    noisy = ([loss * (1 + rng.gauss(0, noise)) for loss in fell] for _ in range(RUNS))
    falls = sum(placed(DENSE_FIRST, curve).shape == "falling" for curve in noisy)
    assert falls <= 0.1 * RUNS


@pytest.mark.parametrize(
    "epochs",
    [LOGARITHMIC, DENSE_FIRST, (1.0, 2.0, *(2 + k / 10 for k in range(1, 11)))],
    ids=["logarithmic", "dense first", "dense last"],
)
def test_the_next_epoch_of_a_line_is_told_wherever_it_was_evaluated(
    epochs: Sequence[float],
) -> None:
    found = placed(epochs, [math.exp(-0.04 * epoch) for epoch in epochs])
    assert found.shape == "falling"
    assert found.next_fall == pytest.approx(0.04, rel=0.05)


def test_a_few_late_evaluations_are_enough_to_see_a_fall() -> None:
    rng = random.Random(3)
    falling = [0.8 + 0.9 * math.exp(-epoch) for epoch in DENSE_FIRST]
    noisy = ([loss * (1 + rng.gauss(0, 0.02)) for loss in falling] for _ in range(RUNS))
    assert sum(placed(DENSE_FIRST, curve).shape == "falling" for curve in noisy) >= 0.85 * RUNS


def test_an_evaluation_right_after_the_last_one_changes_nothing() -> None:
    rng = random.Random(11)
    for _ in range(RUNS):
        losses = [1.3 * (1 - 0.012 * k) * (1 + rng.gauss(0, 0.005)) for k in range(1, 11)]
        epochs = [0.3 * k for k in range(1, 11)]
        plain = placed(epochs, losses)
        again = placed([*epochs, 3.009], [*losses, losses[-1]])
        assert again.next_fall == pytest.approx(plain.next_fall, abs=0.012)


def test_two_evaluations_side_by_side_at_the_end_are_no_slope_of_their_own() -> None:
    for last in (0.93, 0.95, 0.97):
        assert placed([1, 2, 2.003], [1.0, 0.95, last]).next_fall < 0.07


def test_bends_between_unequal_distances_are_no_noise() -> None:
    bend = [(epoch - 1) ** 2 / 10 for epoch in LOGARITHMIC]
    assert own_noise(bend, LOGARITHMIC) < 1e-9 < 0.01 < own_noise(bend, range(len(bend)))
    assert placed(LOGARITHMIC, [math.exp(one) for one in bend]).noise < 0.015
    rng = random.Random(4)
    drawn = [own_noise([rng.gauss(0, 1) for _ in LOGARITHMIC], LOGARITHMIC) for _ in range(400)]
    assert math.hypot(*drawn) / 20 == pytest.approx(1, rel=0.1)


def test_epochs_that_a_log_rounds_to_one_number_are_read() -> None:
    assert placed([1, 2, 2, 3, 3, 3], [1.0] * 6).shape == "level"
    assert placed([2, 2, 2], [2.0, 1.0, 0.5]).next_fall == 0


# --- which checkpoint ----------------------------------------------------------------


def advised(*curve: Evaluation) -> tuple[int, str | None, str]:
    last = curve[-1].epoch
    advice = advise(Evidence("run", "one-answer", "m", last, evaluations=curve))
    facts = "; ".join(f"{fact.name}: {fact.reading}" for fact in advice.evidence)
    return advice.rule, advice.checkpoint, f"{advice.action} | {facts}"


def test_only_checkpoints_that_exist_are_recommended() -> None:
    rule, checkpoint, words = advised(*evaluations([1.3, 1.0, 1.2, 1.5, 1.7], kept=[1, 3, 5]))
    assert (rule, checkpoint) == (28, "c3")
    assert "after 2 epochs: not known to be kept" in words
    rule, checkpoint, words = advised(*evaluations([1.3, 1.0, 1.2, 1.5, 1.7], kept=[]))
    assert (rule, checkpoint) == (28, None)
    assert "if it was kept" in words


def test_the_last_checkpoint_is_not_to_be_compared_with_itself() -> None:
    rule, checkpoint, words = advised(*evaluations([1.3, 1.0, 1.2, 1.5, 1.7], kept=[5]))
    assert (rule, checkpoint) == (28, "c5")
    assert "c5, the last, has the lowest validation loss of those known to be kept" in words
    assert "look for one kept after 2 epochs" in words


def test_checkpoints_that_noise_does_not_tell_apart_are_named() -> None:
    curve = evaluations([1.3, 1.0, 1.005, 1.2, 1.5, 1.9], kept=[2, 3, 6])
    rule, checkpoint, words = advised(*curve)
    assert (rule, checkpoint) == (28, "c2")
    assert "the same as c2 within noise: c3" in words


def test_a_falling_curve_recommends_the_last_checkpoint() -> None:
    assert advised(*evaluations([2.0, 1.7, 1.4]))[:2] == (29, "c3")


def test_accuracy_decides_which_checkpoint_a_rising_loss_leaves() -> None:
    losses = [1.3, 1.0, 1.2, 1.5, 1.7]
    assert advised(*evaluations(losses, accuracies=[0.5, 0.6, 0.7, 0.75, 0.8]))[:2] == (27, "c5")
    assert advised(*evaluations(losses, accuracies=[0.5, 0.6, 0.6, 0.6, 0.6]))[:2] == (27, "c2")
    assert advised(*evaluations(losses, accuracies=[0.5, 0.6, 0.5, 0.4, 0.3]))[:2] == (26, "c2")


def test_a_model_that_got_worse_than_its_base_is_not_sent_to_train_longer() -> None:
    from harness.records import Estimate

    worse = Estimate(-0.2, -0.3, -0.1, 100, "test")
    curve = evaluations([2.0, 1.7, 1.4])
    advice = advise(Evidence("run", "one-answer", "m", 3, evaluations=curve, gain=worse))
    assert advice.rule == 24


def test_how_many_epochs_are_too_many_does_not_hang_on_what_was_kept() -> None:
    losses, accuracies = [1.0, 1.3, 1.6, 1.9], [0.8, 0.7, 0.6, 0.5]
    for kept in ([1, 4], [3, 4], [4], []):
        curve = evaluations(losses, accuracies=accuracies, kept=kept)
        advice = advise(Evidence("run", "one-answer", "m", curve[-1].epoch, evaluations=curve))
        assert (advice.rule, advice.recommend) == (26, -2)


def test_a_checkpoint_between_evaluations_has_the_loss_between_theirs() -> None:
    curve = evaluations([1.4, 1.0, 1.6])
    found = not_evaluated(curve, 2.25, "c")
    assert found == Evaluation(2.25, 1.15, model="c", source="between")
    assert not_evaluated(curve, 3.5, "c") == Evaluation(3.5, 1.6, model="c", source="nearest")
    assert not_evaluated(curve, 0.5, "c") == Evaluation(0.5, 1.4, model="c", source="nearest")
    assert not_evaluated((), 0.5, "c") is None


def with_kept(losses: Sequence[float], *epochs: float) -> tuple[Evaluation, ...]:
    """Evaluations without checkpoints, and checkpoints that were not evaluated."""
    curve = evaluations(losses, kept=[])
    kept = (not_evaluated(curve, epoch, f"k{epoch:g}") for epoch in epochs)
    return tuple(sorted((*curve, *filter(None, kept)), key=lambda one: one.epoch))


FAR_OVER = [1.3, 1.0, 1.2, 1.5, 1.7]


def test_kept_checkpoints_that_were_not_evaluated_are_read_between_evaluations() -> None:
    rule, checkpoint, words = advised(*with_kept(FAR_OVER, 1.5, 2.25, 4.5, 5.0))
    assert (rule, checkpoint) == (28, "k2.25")
    assert "k2.25, the kept one with the lowest validation loss (read between two" in words
    assert "k2.25: not evaluated itself: validation loss 1.05 (read between" in words
    assert "compare its answers with the last one's" in words


def test_they_are_no_points_of_the_curve() -> None:
    with_them = with_kept(FAR_OVER, 1.5, 2.25, 4.5, 6.0)
    assert read_curve(with_them, DEFAULT) == read_curve(evaluations(FAR_OVER, kept=[]), DEFAULT)


def test_a_checkpoint_is_not_to_be_compared_with_a_last_one_that_is_gone() -> None:
    rule, checkpoint, words = advised(*with_kept(FAR_OVER, 2.25))
    assert (rule, checkpoint) == (28, "k2.25")
    assert "compare its answers with the base model's" in words
    assert "if it was kept" not in words


def test_a_checkpoint_before_the_first_evaluation_is_not_taken_for_a_good_one() -> None:
    rule, checkpoint, words = advised(*with_kept(FAR_OVER, 0.5))
    assert (rule, checkpoint) == (28, None)
    assert "no checkpoint that is known to be kept was evaluated" in words
    assert advised(*with_kept(FAR_OVER, 0.5, 5.1))[:2] == (28, "k5.1")


def test_a_falling_curve_recommends_the_end_also_where_it_was_not_evaluated() -> None:
    assert advised(*with_kept([2.0, 1.7, 1.4], 1.5, 3.1))[:2] == (29, "k3.1")


# --- token accuracy ------------------------------------------------------------------


def share_of_epochs_taken(count: int, noise: float, runs: int = RUNS) -> float:
    """How many runs are told to train less whose loss forms a U and whose accuracy is flat."""
    rng = random.Random(f"accuracy{count}")
    taken = 0
    for _ in range(runs):
        places = [(i + 1) / count for i in range(count)]
        losses = [(1 + 1.2 * (t - 0.45) ** 2) * (1 + rng.gauss(0, 0.01)) for t in places]
        accuracies = [0.6 + rng.gauss(0, noise) for _ in places]
        taken += advised(*evaluations(losses, accuracies=accuracies))[0] == 26
    return taken / runs


@pytest.mark.parametrize("count", [3, 5, 8, 12])
def test_noise_of_a_flat_token_accuracy_takes_no_epochs(count: int) -> None:
    assert share_of_epochs_taken(count, noise=0.01) <= 0.06


def test_a_token_accuracy_that_scatters_more_than_assumed_is_read_by_its_own_scatter() -> None:
    assert share_of_epochs_taken(5, noise=0.03, runs=4 * RUNS) <= 0.115


@pytest.mark.parametrize("count", [3, 5, 8, 12])
def test_a_token_accuracy_that_falls_with_the_loss_takes_epochs(count: int) -> None:
    rng = random.Random(f"down{count}")
    for _ in range(RUNS // 5):
        places = [(i + 1) / count for i in range(count)]
        losses = [1 + 1.2 * (t - 0.45) ** 2 for t in places]
        accuracies = [0.7 - 0.3 * (t - 0.45) ** 2 + rng.gauss(0, 0.005) for t in places]
        assert advised(*evaluations(losses, accuracies=accuracies))[0] == 26
