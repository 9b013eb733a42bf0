"""What a validation curve says beyond its noise: over, still falling, or level.

Losses are read on a log scale, so that a change is a share of the loss; a hundredth of a nat is
nothing. The noise is estimated from third differences, which a smooth bend hardly touches, and
held up by a prior where there are few evaluations. Critical values hold for the worst case, a
flat curve with the prior's noise: docs/curves.md has the false alarms and the power.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import fmean
from typing import Literal

from harness.analysis.thresholds import Thresholds

CurveShape = Literal["over", "falling", "level"]
Trend = Literal["up", "level", "down"]

LEAST_NATS = 0.01
"""Differences of loss below this mean nothing; it keeps the log of small losses in its place."""
MOST_POINTS = 24
"""Longer curves are averaged down to so many points, which loses nothing but noise."""
STEEP_FALL = 0.1
"""Steps of the log loss below minus this, at the start of a curve, are its descent."""
PRIOR_WEIGHT = 4
"""The prior of the noise counts like so many third differences."""
FALL_Z = 2.6
"""A slope is a fall beyond this many standard errors: one flat curve in 100 gets there."""
SAME_Z = 2.0 * math.sqrt(2.0)
"""Two evaluations differ when they are further apart than 95 in 100 that are the same."""
NEW_LOW_Z = 1.0
"""A fall leads below everything before it, by this many standard errors."""
LEAST_SHARE_OF_FALL = 0.25
"""A curve still falls when its second half falls at least at this share of its whole slope."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One measurement of the validation set, after so many epochs.

    ``model`` is the checkpoint of that moment; None where none was kept, or nobody knows.
    """

    epoch: float
    valid_loss: float
    valid_token_accuracy: float | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class CurveReading:
    """How a validation curve ends.

    ``rise`` is the last loss over the lowest, minus 1; ``next_fall`` the share by which the next
    epoch would lower the loss if it went on like that; ``noise`` the share by which evaluations
    scatter. ``accuracy`` is what the token accuracy did while the loss rose, None where it was
    not measured.
    """

    shape: CurveShape
    lowest: Evaluation
    last: Evaluation
    rise: float
    next_fall: float
    noise: float
    accuracy: Trend | None


@lru_cache(maxsize=64)
def read_curve(evaluations: tuple[Evaluation, ...], limits: Thresholds) -> CurveReading | None:
    """Read a validation curve, in order of training; None with fewer than two finite losses."""
    finite = [one for one in evaluations if math.isfinite(one.valid_loss)]
    if len(finite) < 2:
        return None
    points = binned([on_log_scale(one.valid_loss) for one in finite])
    noise = noise_of(points, limits.curve_noise)
    lowest = min(finite, key=lambda one: one.valid_loss)
    rise = finite[-1].valid_loss / lowest.valid_loss - 1 if lowest.valid_loss > 0 else 0.0
    turn = turn_of(points, noise)
    over = turn is not None and points[-1] - min(points) > math.log1p(limits.valid_loss_rise)
    next_fall = fall_per_epoch(points, finite[-1].epoch - finite[0].epoch, noise, limits)
    hanging = points[-1] - min(points) > SAME_Z * noise
    falls = next_fall > 0 and not hanging
    shape: CurveShape = "over" if over else "falling" if falls else "level"
    return CurveReading(
        shape=shape,
        lowest=lowest,
        last=finite[-1],
        rise=rise,
        next_fall=next_fall if falls else 0.0,
        noise=noise,
        accuracy=accuracy_since(finite, turn, limits) if over and turn else None,
    )


def same_within_noise(
    chosen: Evaluation, evaluations: Sequence[Evaluation], noise: float
) -> tuple[Evaluation, ...]:
    """Return the other evaluations whose loss noise does not tell from the chosen one's."""
    level = on_log_scale(chosen.valid_loss)
    return tuple(
        one
        for one in evaluations
        if one is not chosen and abs(on_log_scale(one.valid_loss) - level) <= SAME_Z * noise
    )


# --- noise ---------------------------------------------------------------------------


def on_log_scale(loss: float) -> float:
    """Return a loss as its logarithm."""
    return math.log(max(loss, 0.0) + LEAST_NATS)


def binned(values: Sequence[float]) -> list[float]:
    """Return a curve as at most `MOST_POINTS` means of neighbours."""
    count = min(MOST_POINTS, len(values))
    edges = [round(i * len(values) / count) for i in range(count + 1)]
    return [fmean(values[a:b]) for a, b in pairwise(edges)]


def noise_of(values: Sequence[float], prior: float) -> float:
    """Return the standard deviation of a curve's noise, with a prior that few points yield to.

    The third difference of independent noise has 20 times its variance. The descent at the
    start of a curve bends too sharply for that; it says nothing of the noise.
    """
    thirds = differences(differences(differences(after_descent(values))))
    observed = sum(third**2 for third in thirds) / 20
    return math.sqrt((PRIOR_WEIGHT * prior**2 + observed) / (PRIOR_WEIGHT + len(thirds)))


def after_descent(values: Sequence[float]) -> Sequence[float]:
    """Return a curve without the steep steps at its start."""
    steps = enumerate(differences(values))
    return values[next((i for i, step in steps if step > -STEEP_FALL), len(values) - 1) :]


def differences(values: Sequence[float]) -> list[float]:
    """Return the steps of a curve."""
    return [b - a for a, b in pairwise(values)]


# --- over the minimum ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Turn:
    """A rise: the points from ``start`` on lie above the ``width`` points before them."""

    start: int
    width: int
    z: float


def turn_of(values: Sequence[float], noise: float) -> Turn | None:
    """Return the clearest rise that lasts to the end of a curve, None where noise explains it."""
    clearest = max(turns(values, noise), key=lambda turn: turn.z)
    return clearest if clearest.z > critical_rise(len(values)) else None


def turns(values: Sequence[float], noise: float) -> Iterator[Turn]:
    """Every way to hold the end of a curve against what came right before it."""
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    count = len(values)
    for start in range(1, count):
        end = (sums[count] - sums[start]) / (count - start)
        for width in range(1, start + 1):
            before = (sums[start] - sums[start - width]) / width
            error = noise * math.sqrt(1 / (count - start) + 1 / width)
            yield Turn(start, width, (end - before) / error)


def critical_rise(count: int) -> float:
    """Return the z that the clearest of all turns of a flat curve passes once in 100.

    Fitted to the 99 % quantiles of 20,000 simulated curves of 2 to 24 points with noise of 2 %
    (2.4 at 2 points, 3.0 at 5, 4.0 at 20); less noise passes it less often.
    """
    return 1.9 + 0.68 * math.log(count)


def accuracy_since(
    evaluations: Sequence[Evaluation], turn: Turn, limits: Thresholds
) -> Trend | None:
    """Return what the token accuracy did over a rise of the loss; None where it is not known."""
    values = [one.valid_token_accuracy for one in evaluations]
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(known) < len(values):
        return None
    points = binned(known)
    before, after = points[turn.start - turn.width : turn.start], points[turn.start :]
    change = fmean(after) - fmean(before)
    noise = noise_of(points, limits.accuracy_noise)
    error = noise * math.sqrt(1 / len(before) + 1 / len(after))
    if abs(change) <= max(limits.token_accuracy_rise, 2 * error):
        return "level"
    return "up" if change > 0 else "down"


# --- still falling -------------------------------------------------------------------


def fall_per_epoch(
    values: Sequence[float], epochs: float, noise: float, limits: Thresholds
) -> float:
    """Return the share by which another epoch would lower the loss; 0 where no fall is clear.

    The whole curve or its second half must fall beyond noise, and the second half enough to
    be worth an epoch: a curve that fell and lies level now does not fall, nor does one that
    comes back from a bump.
    """
    half = values[-max(2, (len(values) + 1) // 2) :]
    whole_slope, recent_slope = slope(values), slope(half)
    clear = any(
        found * math.sqrt(spread(len(part))) < -FALL_Z * noise
        for found, part in ((whole_slope, values), (recent_slope, half))
    )
    if not clear or recent_slope > LEAST_SHARE_OF_FALL * min(0.0, whole_slope) or epochs <= 0:
        return 0.0
    if not is_new_low(values, len(half), noise):
        return 0.0
    per_epoch = recent_slope * (len(values) - 1) / epochs
    share = -math.expm1(per_epoch)
    return share if share >= limits.worthwhile_fall else 0.0


def is_new_low(values: Sequence[float], half: int, noise: float) -> bool:
    """Whether the end of a curve lies below any stretch as long before its second half."""
    width = max(1, half // 2)
    before = values[: len(values) - half] or values[:1]
    width = min(width, len(before))
    lowest = min(fmean(before[i : i + width]) for i in range(len(before) - width + 1))
    return fmean(values[-width:]) < lowest - NEW_LOW_Z * noise * math.sqrt(2 / width)


def slope(values: Sequence[float]) -> float:
    """Return the least-squares slope over equal steps."""
    middle = (len(values) - 1) / 2
    return sum((i - middle) * value for i, value in enumerate(values)) / spread(len(values))


def spread(count: int) -> float:
    """Return the sum of squares of so many equal steps around their mean."""
    return count * (count**2 - 1) / 12
