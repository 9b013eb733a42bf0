"""The best of several checkpoints is said to be flattered by the samples that picked it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.pipeline.judging.winner import p_of_winner, winner, winner_finding
from harness.pipeline.measuring.measurement import Answers
from harness.pipeline.measuring.track import Track
from harness.pipeline.reporting.documents import section
from harness.records import Checkpoint, Completion, EvalSpec, Experiment, Outcome, Sample, Score

NAME, N = "planted.test.v1", 60
HELD = {f"s{i}": Sample(f"s{i}", ({"role": "user", "content": "?"},), ("yes",)) for i in range(N)}


def marked(model: str, marks: list[float]) -> Answers:
    answers = Answers(NAME, model)
    for key, mark in zip(HELD, marks, strict=True):
        outcome = Outcome(NAME, model, key, 0, "k", Completion("yes"))
        answers.add(replace(outcome, scores={"accuracy": Score(mark)}))
    return answers


def track(*marks: list[float]) -> Track:
    models = [f"e{k}" for k in range(1, len(marks) + 1)]
    tables = [marked("base", [0.0] * N), *map(marked, models, marks)]
    return Track(
        spec=EvalSpec(NAME, "match", Path("none")),
        experiment=Experiment("planted", (NAME,)),
        base="base",
        heldout=HELD,
        checkpoints=tuple(Checkpoint(model, k) for k, model in enumerate(models, start=1)),
        answers={(table.eval, table.model): table for table in tables},
    )


def plateau() -> list[list[float]]:
    return (np.random.default_rng(1).random((5, N)) < 0.7).astype(float).tolist()


def test_a_winner_on_a_plateau_gets_a_lower_score_than_it_shows() -> None:
    found = winner(track(*plateau()))
    assert found is not None
    _, plain, corrected = found
    assert corrected.low < corrected.value < plain


def test_the_report_says_so_in_a_sentence() -> None:
    messages = [finding.message for finding in section(track(*plateau())).findings]
    assert any("of 5 epoch counts, " in message for message in messages)
    assert any("winner's curse corrected" in message for message in messages)


def test_a_clear_winner_needs_no_correction_and_that_is_said() -> None:
    found = winner_finding(track([1.0] * 10 + [0.0] * 50, [1.0] * 50 + [0.0] * 10))
    assert found is not None
    assert "as good as unchanged" in found.message


def test_the_best_of_checkpoints_like_the_base_has_no_small_p() -> None:
    marks = (np.random.default_rng(2).random((6, N)) < 0.05).astype(float).tolist()
    found = p_of_winner(track(*marks), 1)
    assert found is not None
    assert found > 0.05


def test_a_single_checkpoint_was_not_picked() -> None:
    assert winner(track([1.0] * N)) is None
