"""What was forgotten: measured beside the task, told in the report, and read by row 15."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import RegistryError, UsageError
from harness.pipeline.judging.general import FORGETTING
from harness.pipeline.judging.judgement import Judge, evidence_after, forgetting, remembers
from harness.pipeline.measuring.measurement import Answers
from harness.pipeline.measuring.track import Track
from harness.pipeline.orders.names import probe_name
from harness.pipeline.orders.selection import selected
from harness.pipeline.reporting.documents import section
from harness.records import (
    Checkpoint,
    Completion,
    EvalSpec,
    Experiment,
    Outcome,
    Sample,
    Score,
    Tuning,
)
from harness.registry import load_registry

TASK, GENERAL, N = "task.test.v1", "general.test.v1", 200
EXPERIMENT = Experiment("planted", (TASK,), tuning=Tuning((1,)), forgetting=(GENERAL,))


def samples(prefix: str) -> dict[str, Sample]:
    asked = ({"role": "user", "content": "?"},)
    return {f"{prefix}{i}": Sample(f"{prefix}{i}", asked, ("yes",)) for i in range(N)}


def marked(name: str, model: str, asked: Mapping[str, Sample], share: float) -> Answers:
    answers = Answers(name, model)
    for i, key in enumerate(asked):
        mark = Score(float(i < round(share * len(asked))))
        answers.add(Outcome(name, model, key, 0, "k", Completion("yes"), {"accuracy": mark}))
    return answers


def track(task: list[float], general: list[float]) -> Track:
    """Shares of right answers after 0, 1, 2, ... epochs, on the task and on the general set."""
    names = ["base", *(f"e{k}" for k in range(1, len(task)))]
    checkpoints = tuple(Checkpoint(name, k) for k, name in enumerate(names) if k)

    def one(name: str, shares: list[float]) -> Track:
        held = samples(name)
        tables = [marked(name, model, held, s) for model, s in zip(names, shares, strict=True)]
        return Track(
            spec=EvalSpec(name, "match", Path("none")),
            experiment=EXPERIMENT,
            base="base",
            heldout=held,
            checkpoints=checkpoints,
            answers={(table.eval, table.model): table for table in tables},
        )

    whole, probe = one(TASK, task), samples("train")
    asked = [
        marked(probe_name(TASK), model, probe, 1.0 if model != "base" else 0.0) for model in names
    ]
    return replace(
        whole,
        general=(one(GENERAL, general),),
        probe=probe,
        training_texts=("yes",) * N,
        answers={**whole.answers, **{(table.eval, table.model): table for table in asked}},
    )


def test_what_was_forgotten_is_the_paired_difference_on_the_general_set() -> None:
    lost = forgetting(track([0.0, 0.9], [0.8, 0.7]), 1)
    assert lost is not None
    assert lost.value == pytest.approx(-0.1)
    assert lost.n == N


def test_a_loss_beyond_the_tolerance_is_row_15() -> None:
    advice = Judge(track([0.0, 0.5, 0.9], [0.9, 0.9, 0.6])).advice_after(2)
    assert advice.rule == 15
    assert "general set" in advice.evidence[0].name


def test_a_loss_inside_the_tolerance_is_none() -> None:
    assert Judge(track([0.0, 0.5, 0.9], [0.9, 0.9, 0.895])).advice_after(2).rule != 15


def test_an_earlier_checkpoint_that_forgot_nothing_and_is_as_good_is_the_one_to_use() -> None:
    planted = track([0.0, 0.9, 0.9], [0.9, 0.9, 0.6])
    assert remembers(planted, 2, (1,)) == 1
    advice = Judge(planted).advice_after(2)
    assert (advice.rule, advice.checkpoint, advice.checkpoint_epoch) == (15, "e1", 1)
    assert "epoch 1" in advice.action


def test_an_earlier_checkpoint_that_costs_more_than_the_margin_is_not() -> None:
    advice = Judge(track([0.0, 0.5, 0.9], [0.9, 0.9, 0.6])).advice_after(2)
    assert "mix general data" in advice.action
    assert advice.checkpoint_epoch != 1


def test_without_a_general_set_nothing_is_said_to_be_forgotten() -> None:
    planted = replace(track([0.0, 0.9], [0.9, 0.1]), general=())
    assert evidence_after(planted, 1).forgetting is None


def test_the_report_charts_and_counts_it() -> None:
    planted = track([0.0, 0.9], [0.9, 0.6])
    told = section(planted)
    assert "General abilities" in [panel.title for panel in told.panels]
    assert told.results[1].metrics[FORGETTING].value == pytest.approx(-0.3)
    assert any(f.rule == FORGETTING and f.severity == "warn" for f in told.findings)


def test_a_general_eval_gets_no_advice_on_epochs() -> None:
    told = section(track([0.0, 0.9], [0.9, 0.6]).general[0])
    assert told.advice == ()
    assert told.comparisons
    assert any("chooses no epoch" in f.message for f in told.findings)


def test_one_eval_cannot_choose_the_epochs_and_say_what_was_forgotten() -> None:
    registry = load_registry()
    study = registry.study("basics")
    twice = replace(study.experiments[0], forgetting=("tickets",))
    with pytest.raises(UsageError, match="stands under 'evals' and 'forgetting'"):
        selected(replace(study, experiments=(twice,)), registry, lambda name, finding: None)


def test_a_general_eval_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(
        "s: {base: b, evals: [tickets], others: [m], forgetting: [basic]}\n", encoding="utf-8"
    )
    with pytest.raises(RegistryError, match=r"forgetting.*basic"):
        load_registry().study(str(file))
