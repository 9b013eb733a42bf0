"""Which kind of verdict an advice is, and which one of several leads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from harness.records import Advice, Comparison

Kind = Literal["more", "fewer", "keep", "fix", "unsure"]

KEEP_RULES = frozenset({5, 7, 13, 17, 18, 19, 20, 21, 22, 31})
"""Rows of the decision table under which a change of 0 means that the checkpoint is good to use.

5, 7 and 17 get there when their change is capped or would reverse the one before.
"""

UNSURE_RULES = frozenset({23, 24, 26, 27, 28, 29, 30})
"""Rows that say which evidence is missing."""


def kind(advice: Advice) -> Kind:
    """More, fewer or the same epochs; or something to fix or to measure first."""
    if advice.recommend:
        return "more" if advice.recommend > 0 else "fewer"
    if advice.rule in UNSURE_RULES:
        return "unsure"
    return "keep" if advice.rule in KEEP_RULES else "fix"


def by_epochs(advices: Sequence[Advice]) -> list[Advice]:
    """Advices in the order in which training reaches them."""
    return sorted(advices, key=lambda advice: advice.epochs)


def leading(advices: Sequence[Advice]) -> Advice | None:
    """The advice to read first.

    The last state has seen the most. Where it says to ship an earlier checkpoint, and the
    advice for that state is to keep it, that advice leads.
    """
    if not advices:
        return None
    last = by_epochs(advices)[-1]
    chosen = next((a for a in advices if a.epochs == last.checkpoint_epoch), last)
    return chosen if kind(chosen) == "keep" else last


def epoch_to_use(lead: Advice | None) -> float | None:
    """The epochs of the model to use; 0 is the base model, None is unknown."""
    if lead is None:
        return None
    return lead.checkpoint_epoch if lead.behind_base is None else 0


Clarity = Literal["better", "worse", "level", "mixed", "unsure"]


def clarity(comparison: Comparison) -> Clarity:
    """Does the interval of the difference lie above 0, below 0, or on both sides?

    Answers to open tasks that are better but less diverse are neither better nor worse; where
    most samples are excluded nobody can tell.
    """
    if mostly_excluded(comparison):
        return "unsure"
    if comparison.delta.low > 0:
        return "mixed" if less_diverse(comparison) else "better"
    return "worse" if comparison.delta.high < 0 or less_diverse(comparison) else "level"


def less_diverse(comparison: Comparison) -> bool:
    """Are the tuned model's answers to an open task less varied?"""
    return comparison.diversity is not None and comparison.diversity.verdict == "less"


def mostly_excluded(comparison: Comparison) -> bool:
    """Do more than half of the samples lack a mark on either side?"""
    return comparison.excluded > comparison.delta.n
