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
