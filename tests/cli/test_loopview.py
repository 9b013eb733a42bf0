"""The last words of a loop: why it stopped, once, and the command to go on."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from harness.cli.loopview import command_again, last_words
from harness.pipeline.looping.budget import Budget, Terms
from harness.pipeline.looping.course import NO_ADVICE, Course
from harness.pipeline.looping.loop import Looped
from harness.pipeline.reporting.documents import Written
from harness.records import Experiment, Round, Study
from harness.reports.document import Document

OUT = Path("reports/loop")


def ended(terms: Terms) -> Looped:
    """A loop whose rounds are used up while the advice is to train on."""
    experiment = Experiment("orders", ("orders.v1",))
    advice = replace(NO_ADVICE, recommend=1, model="tuned", epochs=4)
    course = Course(experiment, 4, rows=[Round(3, "orders", "orders.v1", 4, advice)])
    stop = Budget(terms, Study("demo", "base", (experiment,)), ()).refusal(course, 4, 0)
    assert stop is not None
    nothing = cast("Document", None)
    return Looped(nothing, Written(OUT, OUT, OUT), OUT, (("orders", stop),))


def test_a_spent_budget_is_told_once_with_the_command_to_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    typed = ["harness", "loop", "demo", "--max-rounds", "3", "--out", str(OUT)]
    monkeypatch.setattr(sys, "argv", typed)
    assert list(last_words(ended(Terms(max_rounds=3)))) == [
        "orders: Stopped: the budget is spent. 3 rounds were the most (--max-rounds); the advice "
        "stands: +1 epoch.",
        "  checkpoint to use now: tuned (after 4 epochs)",
        "To go on: harness loop demo --out reports/loop --resume --max-rounds 6",
    ]


def test_an_option_is_raised_however_it_was_typed() -> None:
    again = command_again(["loop", "demo", "--max-cost=3"], OUT, [("--max-cost", "6.00")])
    assert " ".join(again) == "harness loop demo --out reports/loop --resume --max-cost 6.00"
