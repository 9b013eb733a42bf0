from __future__ import annotations

import dataclasses

import pytest

from harness.records import Advice
from harness.reports.verdicts import kind, leading


def advice(epochs: float, recommend: int, rule: int, checkpoint_epoch: float | None = None):
    return Advice(
        eval="e",
        model=f"m{epochs}",
        epochs=epochs,
        recommend=recommend,
        action="",
        rule=rule,
        diagnosis="",
        confidence="high",
        evidence=(),
        would_change="",
        checkpoint_epoch=checkpoint_epoch,
    )


@pytest.mark.parametrize(
    ("recommend", "rule", "expected"),
    [
        (2, 5, "more"),
        (-1, 7, "fewer"),
        (0, 22, "keep"),
        (0, 18, "keep"),
        (0, 5, "keep"),
        (0, 4, "fix"),
        (0, 25, "fix"),
        (0, 23, "unsure"),
        (0, 24, "unsure"),
    ],
)
def test_every_advice_is_of_one_kind(recommend, rule, expected):
    assert kind(advice(1, recommend, rule)) == expected


def test_a_rule_that_is_not_known_here_shows_its_action_as_something_to_fix():
    assert kind(advice(1, 0, 99)) == "fix"


def test_the_state_to_ship_leads():
    states = (advice(8, -2, 7, 5), advice(2, 1, 5, 2), advice(5, 0, 22, 5))
    assert leading(states) is states[2]


def test_the_last_state_leads_while_training_should_go_on():
    states = (advice(1, 2, 5, 1), advice(3, 1, 5, 3))
    assert leading(states) is states[1]


def test_the_last_state_leads_where_the_state_to_ship_would_not_be_kept():
    states = (advice(3, 1, 5, 3), advice(8, -2, 7, 3))
    assert leading(states) is states[1]


def test_without_advice_nothing_leads():
    assert leading(()) is None
    alone = dataclasses.replace(advice(3, 0, 24), checkpoint_epoch=None)
    assert leading((alone,)) is alone
