"""What an open contrast lacks: how many samples, of which kind, and whether that is practicable."""

from __future__ import annotations

import math

from harness.analysis.stats import sample_variance, samples_to_show
from harness.records import Estimate

MOST_SAMPLES = 10_000
"""Nobody collects more held-out samples than this for one decision."""
EASY_SAMPLES = 1_000
MOST_TIMES = 20
"""Above `EASY_SAMPLES`, more than so many times what is there is not practicable either."""


def samples_to_decide(estimate: Estimate, margin: float) -> int | None:
    """How many more samples would settle a contrast, if its value and spread stay as they are.

    Settled with 80 % power means: told from 0, or shown to lie inside the margin, whichever
    takes fewer. None where no number would do.
    """
    value, variance = abs(estimate.value), sample_variance(estimate)
    ways = [samples_to_show(value, variance)]
    if value < margin:
        ways.append(samples_to_show(margin - value, variance))
    return _more(min((way for way in ways if way is not None), default=None), estimate)


def samples_to_reach(estimate: Estimate, bar: float) -> int | None:
    """How many more samples would tell a score from a bar. None where it lies on the bar."""
    needed = samples_to_show(abs(estimate.value - bar), sample_variance(estimate))
    return _more(needed, estimate)


def _more(needed: int | None, estimate: Estimate) -> int | None:
    return None if needed is None else max(1, needed - estimate.n)


def is_practicable(more: int | None, there: int) -> bool:
    """Would a team collect so many more samples?"""
    if more is None or more > MOST_SAMPLES:
        return False
    return more <= max(EASY_SAMPLES, MOST_TIMES * there)


def wanted_samples(more: int | None, name: str, contrast: Estimate) -> str:
    """What to do about an open contrast on held-out samples."""
    if more is not None and is_practicable(more, contrast.n):
        return f"collect about {_rounded(more):,} more held-out samples ({contrast.n:,} are there)"
    return (
        f"no practicable number of held-out samples would settle it: {name} is only "
        f"{100 * contrast.value:+.1f} points; measure another epoch instead"
    )


def wanted_prompts(more: int | None, there: int, n_train: int | None) -> str:
    """What to do about an open train score: more of the training prompts, or all of them."""
    if n_train is not None and n_train > there and (more is None or there + more >= n_train):
        return (
            f"ask all {n_train:,} training prompts (train_probe: {n_train}); {there:,} were asked"
        )
    if more is None or (n_train is not None and n_train <= there):
        return f"measure another epoch: {there:,} training prompts cannot tell"
    wanted = there + _rounded(more)
    return f"ask about {wanted:,} training prompts (train_probe: {wanted}); {there:,} were asked"


def _rounded(count: int) -> int:
    """Two significant digits: a forecast is no more exact than that."""
    step: int = 10 ** max(0, math.floor(math.log10(count)) - 1)
    return math.ceil(count / step) * step
