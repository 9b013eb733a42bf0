"""Thresholds of the decision table, searched on the tuning half of the tasks alone.

One threshold after the other is set to each value of its grid, and keeps the best one; this is
repeated until nothing changes. The cost is the regret of one step, plus that after three rounds,
plus what the other goals miss. Of equal costs the value that stands there stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.advice.courses import Course
from benchmarks.advice.figures import Figures
from benchmarks.advice.planted import recall_of
from benchmarks.advice.policies import Advisor
from harness.analysis.thresholds import DEFAULT, Thresholds

GRID: Mapping[str, Sequence[float]] = {
    "margin": (0.01, 0.02, 0.03, 0.04),
    "fit_slack": (0.02, 0.05, 0.08, 0.12),
    "far_below_ceiling": (0.05, 0.10, 0.15, 0.20),
    "large_gap": (0.02, 0.05, 0.10),
    "token_accuracy_full": (0.98, 0.99, 0.995, 1.0),
    "learning_fall": (0.02, 0.05, 0.10, 0.20),
    "less_diverse": (0.85, 0.90, 0.95),
    "collapsed": (0.50, 0.60, 0.70),
    "copy_limit": (0.02, 0.05, 0.10),
    "enough_learnt": (0.20, 0.30, 0.40),
    "least_transfer": (0.15, 0.25, 0.35),
}
MOST_SWEEPS = 3
LEAST_GAIN = 1e-4


@dataclass(frozen=True)
class Found:
    """What a search ended with; ``tried`` counts the settings that were looked at."""

    limits: Thresholds
    cost: float
    cost_before: float
    tried: int

    @property
    def changed(self) -> dict[str, tuple[float, float]]:
        """By name, the value that stands in the code and the one that was found."""
        pairs = {name: (getattr(DEFAULT, name), getattr(self.limits, name)) for name in GRID}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def cost(limits: Thresholds, clean: Sequence[Course], faulty: Sequence[Course]) -> float:
    """Lower is better; regrets are in score points as fractions, as are the misses."""
    advisor = Advisor(limits)
    whole = Figures.of(advisor, clean)
    extremes = Figures.of(advisor, clean, (1, -1))
    found = recall_of(advisor, faulty)
    recall = sum(r.found for r in found) / max(1, sum(r.tasks for r in found))
    missed = (
        max(0.0, (whole.harmful or 0.0) - 0.05)
        + max(0.0, 0.9 - (extremes.accuracy_speaking or 0.0))
        + (max(0.0, 0.9 - recall) if faulty else 0.0)
    )
    return whole.regret + whole.final_regret + missed / 2


def search(clean: Sequence[Course], faulty: Sequence[Course]) -> Found:
    """Sweep the grid from the values that stand in the code."""
    limits, before = DEFAULT, cost(DEFAULT, clean, faulty)
    best, tried = before, 1
    for _ in range(MOST_SWEEPS):
        at_start = best
        for name, values in GRID.items():
            for value in values:
                if value == getattr(limits, name):
                    continue
                candidate = replace(limits, **{name: value})  # type: ignore[arg-type]
                tried += 1
                found = cost(candidate, clean, faulty)
                if found < best - LEAST_GAIN:
                    limits, best = candidate, found
        if best == at_start:
            break
    return Found(limits, best, before, tried)
