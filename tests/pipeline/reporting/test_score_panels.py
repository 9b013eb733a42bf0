"""The charts that every track has: its score over epochs, and its curves of training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.pipeline.measuring.measurement import Answers
from harness.pipeline.measuring.track import Track
from harness.pipeline.reporting.score_panels import MOST_STEPS, curve_panels, score_panel
from harness.records import (
    Checkpoint,
    Completion,
    Estimate,
    EvalSpec,
    Experiment,
    Outcome,
    Sample,
    Score,
)

SAMPLES = {f"s{i}": Sample(f"s{i}", (), ("yes",)) for i in range(40)}


def marked(model: str, right: int) -> Answers:
    answers = Answers("e", model)
    for i, key in enumerate(SAMPLES):
        mark = {"accuracy": Score(float(i < right))}
        answers.add(Outcome("e", model, key, 0, "k", Completion("yes"), mark))
    return answers


def track(**fields: object) -> Track:
    checkpoints = (
        Checkpoint("e1", 1, seed=1, train_loss=1.0, valid_loss=0.9),
        Checkpoint("e3", 3, seed=1, train_loss=0.2, valid_loss=1.1, valid_token_accuracy=0.9),
    )
    tables = {("e", m): marked(m, n) for m, n in (("base", 10), ("e1", 20), ("e3", 30))}
    found = Track(
        EvalSpec("e", "match", Path("none")),
        Experiment("x", ("e",), target=0.9),
        "base",
        SAMPLES,
        checkpoints,
        tables,
    )
    return replace(found, **fields)  # type: ignore[arg-type]


def test_the_score_stands_beside_the_base_and_the_target() -> None:
    panel = score_panel(track(), "Right answers")
    assert [(line.name, line.role) for line in panel.series] == [
        ("held-out", "heldout"),
        ("base model", "base"),
        ("target", "reference"),
    ]
    assert [point.epoch for point in panel.series[0].points] == [0, 1, 3]
    assert panel.takeaway.startswith("Held-out is highest after 3 epochs, the last one measured")


def test_ideal_answers_that_are_marked_wrong_are_a_line() -> None:
    ideal = Estimate(0.8, 0.7, 0.9, 40, "Wilson")
    names = [line.name for line in score_panel(track(ideal_score=ideal), "").series]
    assert "the ideal answers themselves" in names
    perfect = track(ideal_score=replace(ideal, value=1.0))
    assert "the ideal answers themselves" not in [s.name for s in score_panel(perfect, "").series]


def test_losses_and_accuracies_have_a_sentence_each() -> None:
    loss, accuracy = curve_panels(track())
    assert (loss.title, loss.unit) == ("Loss", "loss")
    assert loss.takeaway == (
        "Training falls from 1.00 to 0.200. Validation rises from 0.900 to 1.10."
    )
    assert accuracy.takeaway == "Validation is 90% after 3 epochs."


def test_the_loss_of_every_step_is_drawn_and_thinned() -> None:
    losses = tuple(1 / step for step in range(1, 1_001))
    loss, _ = curve_panels(track(curves={1: losses}))
    steps = loss.series[-1]
    assert (steps.name, steps.role) == ("training, step by step", "curve")
    assert len(steps.points) <= MOST_STEPS
    assert steps.points[-1].epoch == pytest.approx(3)


def test_without_reported_numbers_there_are_no_curves() -> None:
    bare = tuple(Checkpoint(c.model, c.epoch, seed=1) for c in track().checkpoints)
    assert list(curve_panels(track(checkpoints=bare))) == []
