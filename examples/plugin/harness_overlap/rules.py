"""A row of the decision table: many epochs and nothing else to say."""

from __future__ import annotations

from harness.analysis.conditions import Match
from harness.analysis.evidence import Evidence
from harness.analysis.rules import Rule
from harness.analysis.thresholds import Thresholds
from harness.records import Fact


def long_enough(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Applies from 10 epochs on."""
    if evidence.epochs < 10:
        return None
    return Match((Fact("epochs", None, f"{evidence.epochs:g} epochs"),))


PLATEAU = Rule(
    1001,
    "ten epochs or more, and no other row applies",
    "trained for long without a verdict",
    "compare with the checkpoint of half the epochs",
    "low",
    "any other row",
    long_enough,
)
