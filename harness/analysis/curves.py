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

Source = Literal["measured", "between", "nearest"]
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
LEAST_RECENT = 3
"""So many evaluations count as the second half of a curve of five or more, however they lie."""
LEAST_SPAN = 0.3
"""The second half spans this share of a curve, also where its evaluations crowd at the end."""
EVEN_SLACK = 0.01
"""An evaluation this share of a curve before its middle is in the middle."""
LEAST_GAP = 1e-6
"""Evaluations lie at least this share of a curve apart, also where a log rounds its epochs."""
FALL_OF_ACCURACY_NOISE = 2.0
"""A fall of token accuracy takes epochs away: its noise is assumed so many times as large."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One measurement of the validation set, after so many epochs.

    ``model`` is the checkpoint of that moment; None where none was kept, or nobody knows. A kept
    one that was not evaluated has a loss read ``between`` two evaluations, or that of the
    ``nearest``; it is no point of the curve.
    """

    epoch: float
    valid_loss: float
    valid_token_accuracy: float | None = None
    model: str | None = None
    source: Source = "measured"


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
    finite = points_of(evaluations)
    if len(finite) < 2:
        return None
    points = binned([on_log_scale(one.valid_loss) for one in finite])
    places = places_of([one.epoch for one in finite])
    noise = noise_of(points, limits.curve_noise, places)
    lowest = min(finite, key=lambda one: one.valid_loss)
    rise = finite[-1].valid_loss / lowest.valid_loss - 1 if lowest.valid_loss > 0 else 0.0
    turn = turn_of(points, noise)
    over = turn is not None and points[-1] - min(points) > math.log1p(limits.valid_loss_rise)
    next_fall = fall_per_epoch(points, places, noise, limits)
    hanging = points[-1] - min(points) > SAME_Z * noise
    falls = next_fall > 0 and not hanging and finite[-1].epoch > finite[0].epoch
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


def points_of(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return what was measured, and is a number."""
    return [e for e in evaluations if e.source == "measured" and math.isfinite(e.valid_loss)]


def not_evaluated(evaluations: Sequence[Evaluation], epoch: float, model: str) -> Evaluation | None:
    """Return a checkpoint that was not evaluated, with what evaluations say of its loss.

    Between two of them that is their interpolation, else the nearest one's; None without any.
    """
    points = points_of(evaluations)
    before = max((e for e in points if e.epoch <= epoch), key=lambda e: e.epoch, default=None)
    after = min((e for e in points if e.epoch >= epoch), key=lambda e: e.epoch, default=None)
    if before and after:
        share = (epoch - before.epoch) / ((after.epoch - before.epoch) or 1.0)
        loss = before.valid_loss + share * (after.valid_loss - before.valid_loss)
        return Evaluation(epoch, loss, model=model, source="between")
    nearest = before or after
    return nearest and Evaluation(epoch, nearest.valid_loss, model=model, source="nearest")


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


def places_of(epochs: Sequence[float]) -> list[float]:
    """Return where the points of a curve lie, as epochs that rise; by number where none do."""
    length = epochs[-1] - epochs[0]
    count = min(MOST_POINTS, len(epochs))
    if not 0 < length < math.inf:
        return [float(i) for i in range(count)]
    places = [place_at(epochs, i * (len(epochs) - 1) / (count - 1)) for i in range(count)]
    for i in range(1, count):
        places[i] = max(places[i], places[i - 1] + LEAST_GAP * length)
    return places


def place_at(epochs: Sequence[float], position: float) -> float:
    """Return the epoch at a position in a curve, between two evaluations in proportion."""
    before = min(int(position), len(epochs) - 2)
    return epochs[before] + (position - before) * (epochs[before + 1] - epochs[before])


def noise_of(values: Sequence[float], prior: float, places: Sequence[float] = ()) -> float:
    """Return the standard deviation of a curve's noise, with a prior that few points yield to.

    The third difference of independent noise has 20 times its variance. The descent at the
    start of a curve bends too sharply for that; it says nothing of the noise.
    """
    squares = scatter(values, places)
    return math.sqrt((PRIOR_WEIGHT * prior**2 + sum(squares)) / (PRIOR_WEIGHT + len(squares)))


def own_noise(values: Sequence[float], places: Sequence[float]) -> float:
    """Return the noise that a curve shows by itself; 0 where it is too short to show any."""
    squares = scatter(values, places)
    return math.sqrt(fmean(squares)) if squares else 0.0


def scatter(values: Sequence[float], places: Sequence[float] = ()) -> list[float]:
    """Return estimates of a curve's variance: its squared third differences, over 20."""
    rest = after_descent(values)
    where = (places or range(len(values)))[len(values) - len(rest) :]
    fours = range(len(rest) - 3)
    return [third_difference(rest[i : i + 4], where[i : i + 4]) ** 2 / 20 for i in fours]


def third_difference(values: Sequence[float], places: Sequence[float]) -> float:
    """Return the third difference of four points, as of equal steps: no parabola has any."""
    weights = [1 / math.prod(here - other for other in places if other != here) for here in places]
    size = math.sqrt(20 / sum(weight**2 for weight in weights))
    return size * sum(weight * value for weight, value in zip(weights, values, strict=True))


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
    points, places = binned(known), places_of([one.epoch for one in evaluations])
    before, after = points[turn.start - turn.width : turn.start], points[turn.start :]
    change = fmean(after) - fmean(before)
    prior = limits.accuracy_noise * (FALL_OF_ACCURACY_NOISE if change < 0 else 1.0)
    noise = max(noise_of(points, prior, places), own_noise(points, places))
    error = noise * math.sqrt(1 / len(before) + 1 / len(after))
    if abs(change) <= max(limits.token_accuracy_rise, 2 * error):
        return "level"
    return "up" if change > 0 else "down"


# --- still falling -------------------------------------------------------------------


def fall_per_epoch(
    values: Sequence[float], places: Sequence[float], noise: float, limits: Thresholds
) -> float:
    """Return the share by which another epoch would lower the loss; 0 where no fall is clear.

    The whole curve or its second half must fall beyond noise, and the second half enough to
    be worth an epoch: a curve that fell and lies level now does not fall, nor does one that
    comes back from a bump.
    """
    count = recent(places)
    half, at = values[-count:], places[-count:]
    whole_slope, recent_slope = slope(values, places), slope(half, at)
    clear = any(
        found * math.sqrt(spread(where)) < -FALL_Z * noise
        for found, where in ((whole_slope, places), (recent_slope, at))
    )
    if not clear or recent_slope > LEAST_SHARE_OF_FALL * min(0.0, whole_slope):
        return 0.0
    if not is_new_low(values, count, noise):
        return 0.0
    share = -math.expm1(recent_slope)
    return share if share >= limits.worthwhile_fall else 0.0


def recent(places: Sequence[float]) -> int:
    """Return how many points are the second half of a curve."""
    end, length = places[-1], places[-1] - places[0]
    least = max(2, min(LEAST_RECENT, (len(places) + 1) // 2))
    late = sum(place >= end - (0.5 + EVEN_SLACK) * length for place in places)
    crowded = sum(place > end - LEAST_SPAN * length for place in places)
    return max(least, late, crowded + 1)


def is_new_low(values: Sequence[float], half: int, noise: float) -> bool:
    """Whether the end of a curve lies below any stretch as long before its second half."""
    width = max(1, half // 2)
    before = values[: len(values) - half] or values[:1]
    width = min(width, len(before))
    lowest = min(fmean(before[i : i + width]) for i in range(len(before) - width + 1))
    return fmean(values[-width:]) < lowest - NEW_LOW_Z * noise * math.sqrt(2 / width)


def slope(values: Sequence[float], places: Sequence[float]) -> float:
    """Return the least-squares slope of a curve."""
    middle = fmean(places)
    products = ((at - middle) * value for at, value in zip(places, values, strict=True))
    return sum(products) / spread(places)


def spread(places: Sequence[float]) -> float:
    """Return the sum of squares of places around their mean."""
    middle = fmean(places)
    return sum((at - middle) ** 2 for at in places)
