"""What the next run costs: its tokens, every epoch of them, at a dated price."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.analysis.advice import Candidate, advise
from harness.analysis.cost import FREE, Training
from harness.analysis.evidence import Evidence, Peak
from harness.analysis.next_run import cost_text, next_run
from harness.records import Estimate, Price

DATED = Training(100_000, Price(12, 16, training=8.0, as_of="2023-08"), "ft:gpt-3.5-turbo")


def test_the_guide_of_2023_prices_100_000_tokens_in_3_epochs_at_240_cents() -> None:
    run = next_run(2, 1, 5, DATED)
    assert run is not None
    assert run.cost_usd == pytest.approx(2.40)
    assert cost_text(run) == (
        "a run of 3 epochs trains 300,000 tokens and costs $2.40 "
        "(price of ft:gpt-3.5-turbo, 2023-08)"
    )


def test_free_training_says_so() -> None:
    run = next_run(1, 2, 5, Training(1500, FREE, "ft:tiny-base"))
    assert run is not None
    assert cost_text(run) == (
        "a run of 3 epochs trains 4,500 tokens and costs nothing: training ft:tiny-base is free"
    )


def test_an_unknown_price_is_not_taken_for_free() -> None:
    run = next_run(2, -1, 7, Training(1500, None, "ft:ours", is_estimate=True))
    assert run is not None
    assert run.cost_usd is None
    assert cost_text(run) == (
        "a run of 1 epoch trains about 1,500 tokens; no price of training ft:ours is known "
        "(--prices FILE names one)"
    )


@pytest.mark.parametrize("rule", [9, 18, 21])
def test_more_data_are_paid_twice(rule: int) -> None:
    run = next_run(3, 0, rule, DATED)
    assert run is not None
    assert run.tokens == 600_000
    assert run.cost_usd == pytest.approx(4.80)
    assert "on twice the data" in cost_text(run)


@pytest.mark.parametrize(("rule", "asks"), [(4, False), (6, True), (22, False), (23, False)])
def test_only_an_advice_that_asks_for_a_run_has_a_cost(rule: int, asks: bool) -> None:
    assert (next_run(3, 0, rule, DATED) is not None) is asks


def test_nothing_is_said_of_data_whose_tokens_nobody_knows() -> None:
    assert next_run(3, 1, 5, None) is None


def test_of_fewer_epochs_a_checkpoint_that_exists_costs_nothing() -> None:
    fell = Estimate(-0.2, -0.3, -0.1, 50, "test")
    level = Estimate(0.0, -0.01, 0.01, 50, "test")
    held = [Candidate(f"e{e}", e, level, fell if e == 8 else level) for e in (4, 8)]
    past = Evidence("e", "one-answer", "e8", 8, peak=Peak(4, fell, 0.001))
    cost = advise(past, held, training=DATED).cost or ""
    assert cost.startswith("none with the checkpoint of epoch 4; a run of 6 epochs trains ")
    later = [replace(one, epoch=one.epoch + 3) for one in held[:1]]
    assert (advise(past, later, training=DATED).cost or "").startswith("a run of 6 epochs")
