"""Sets the models of an eval against each other: what they score, cost, and how long they take."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from harness.records import Estimate
from harness.reports import wording
from harness.reports.document import Document, Section, Spending
from harness.reports.forest import round_step
from harness.reports.scores import Metric, all_scores
from harness.reports.sections import model_label
from harness.reports.spending import seconds
from harness.reports.verdicts import leading

FULL = 100.0
"""Places are in percent of whatever width and height the drawing has."""

THOUSAND = 1_000
MOST_STEPS = 5
FROM_ZERO = 2.0
"""An axis begins at 0 where its largest value is so many times the smallest, or more."""

LOGARITHMIC = 30.0
"""From so many times on, the axis goes in powers of ten."""

SMALLEST, LARGEST = 4.0, 9.0
"""Radius of a dot in pixels: the fastest and the slowest model's."""

NAMED = 4
"""Models of the front that the sentence names."""

Measure = Literal["cost", "tokens", "latency"]

TITLES: Mapping[Measure, str] = {
    "cost": "US dollars for 1,000 answers",
    "tokens": "tokens an answer",
    "latency": "time of an answer, p50",
}
LEAST: Mapping[Measure, str] = {
    "cost": "costs least",
    "tokens": "takes the fewest tokens",
    "latency": "is the fastest",
}
MORE: Mapping[Measure, str] = {"cost": "more cost", "tokens": "more tokens", "latency": "more time"}


@dataclass(frozen=True, slots=True)
class Notch:
    """A labelled place on an axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """Values from ``low`` to ``high`` along an axis; ``log`` in powers of ten."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies, in percent."""
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return round(FULL * (at - low) / (high - low), 2)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model: its score, what it takes, and how long it needs (None: not known)."""

    model: str
    title: str
    score: Estimate
    taken: float
    latency_s: float | None
    on_front: bool = False
    chosen: bool = False
    is_base: bool = False


@dataclass(frozen=True, slots=True)
class Spot:
    """A model's dot; ``number`` is its name on the front."""

    candidate: Candidate
    x: float
    y: float
    radius: float
    number: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Riser:
    """A piece of the front's stairs."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class Tradeoff:
    """The whole figure."""

    measure: Measure
    title: str
    spots: tuple[Spot, ...]
    across: tuple[Notch, ...]
    up: tuple[Notch, ...]
    stairs: tuple[Riser, ...]
    takeaway: str
    latencies: str

    @property
    def front(self) -> tuple[Spot, ...]:
        """The models that no other one beats, the one that takes least first."""
        return tuple(spot for spot in self.spots if spot.number)

    @property
    def alternative(self) -> str:
        """The figure in words."""
        listed = "; ".join(spot.text.replace("\n", ", ") for spot in self.front)
        return f"Score against {self.title}. {self.takeaway} On the front: {listed}."

    def taken(self, candidate: Candidate) -> str:
        """What a model takes, in words."""
        return SAID[self.measure](candidate.taken)


def tradeoff(document: Document, section: Section) -> Tradeoff | None:
    """The figure of one eval; None where there are no two models to set against each other."""
    spent = _spent(document, section)
    measure = _measure(list(spent.values()))
    if measure is None:
        return None
    found = _with_front(list(_candidates(section, spent, measure)))
    if len(found) < 2:
        return None
    across = _axis([one.taken for one in found])
    up = _score_axis([one.score.value for one in found])
    spots = tuple(_spots(found, across, up, measure))
    return Tradeoff(
        measure=measure,
        title=TITLES[measure] + (" (in powers of ten)" if across.log else ""),
        spots=spots,
        across=tuple(Notch(across.place(v), SAID[measure](v)) for v in _ticks(across)),
        up=tuple(Notch(up.place(v), wording.percent(v)) for v in _ticks(up)),
        stairs=tuple(_stairs([spot for spot in spots if spot.number])),
        takeaway=_takeaway(found, measure),
        latencies=_latencies(found, measure),
    )


# --- what is known -------------------------------------------------------------------


def _spent(document: Document, section: Section) -> dict[str, Spending]:
    """What the answers to this eval took, by model."""
    evals = document.performance.evals if document.performance else ()
    scored = {found.model for found in all_scores(section) if found.own and _is_share(found.own)}
    return {
        one.model: one
        for one in evals
        if one.role == "model" and one.eval == section.eval and one.answers and one.model in scored
    }


def _is_share(own: Metric) -> bool:
    return own.unit == "share" and math.isfinite(own.estimate.value)


def _cost(one: Spending) -> float | None:
    """Dollars for a thousand answers, whoever paid for those that were replayed."""
    if one.cost_usd is None or one.saved_usd is None:
        return None
    return THOUSAND * (one.cost_usd + one.saved_usd) / one.answers


def _tokens(one: Spending) -> float | None:
    return (one.prompt_tokens + one.completion_tokens) / one.answers or None


def _latency(one: Spending) -> float | None:
    return one.latency.p50_s if one.latency else None


MEASURED: Mapping[Measure, Callable[[Spending], float | None]] = {
    "cost": _cost,
    "tokens": _tokens,
    "latency": _latency,
}


def _dollars(value: float) -> str:
    return f"${wording.significant(value)}"


def _counted(value: float) -> str:
    return wording.number(value, 0 if value >= 10 else 1)


SAID: Mapping[Measure, Callable[[float], str]] = {
    "cost": _dollars,
    "tokens": _counted,
    "latency": seconds,
}


def _measure(spent: Sequence[Spending]) -> Measure | None:
    """The cost where every model's is known and some is not free; else tokens, else time."""
    for measure, of in MEASURED.items():
        values = [of(one) for one in spent]
        known = [value for value in values if value is not None]
        if len(known) == len(values) and any(known):
            return measure
    return None


def _candidates(
    section: Section, spent: Mapping[str, Spending], measure: Measure
) -> Iterator[Candidate]:
    lead = leading(section.advice)
    chosen = (section.base if lead.behind_base else lead.checkpoint) if lead else None
    for found in all_scores(section):
        one = spent.get(found.model)
        taken = MEASURED[measure](one) if one else None
        if one is not None and taken is not None and found.own is not None:
            yield Candidate(
                model=found.model,
                title=model_label(section, found.model),
                score=found.own.estimate,
                taken=taken,
                latency_s=_latency(one),
                chosen=found.model == chosen,
                is_base=found.model == section.base,
            )


def _with_front(found: Sequence[Candidate]) -> list[Candidate]:
    """The models by what they take, with which no other one beats."""
    ordered = sorted(found, key=lambda one: (one.taken, -one.score.value))
    return [replace(one, on_front=not any(_beats(o, one) for o in ordered)) for one in ordered]


def _beats(one: Candidate, other: Candidate) -> bool:
    """It takes no more and scores no less, and is better in one of both."""
    ours, theirs = (one.taken, -one.score.value), (other.taken, -other.score.value)
    return ours != theirs and ours[0] <= theirs[0] and ours[1] <= theirs[1]


# --- the drawing ---------------------------------------------------------------------


def _axis(values: Sequence[float]) -> Axis:
    """Room for all values; from 0 where these differ much, in powers of ten where very much."""
    low, high = min(values), max(values)
    if low > 0 and high / low > LOGARITHMIC:
        return Axis(low / 1.5, high * 1.5, log=True)
    if low <= 0 or high / low >= FROM_ZERO:
        return Axis(0.0, high * 1.08)
    air = 0.12 * (high - low) or 0.1 * high
    return Axis(low - air, high + air)


def _score_axis(values: Sequence[float]) -> Axis:
    """Scores with a little room, and never a tick beyond 0 or 100%."""
    low, high = min(values), max(values)
    air = 0.12 * (high - low) or 0.05
    return Axis(max(0.0, low - air), min(1.0, high + air))


def _ticks(axis: Axis) -> Iterator[float]:
    if axis.log:
        yield from _powers(axis)
        return
    step = round_step((axis.high - axis.low) / MOST_STEPS)
    for turn in range(math.ceil(axis.low / step), math.floor(axis.high / step + 1e-9) + 1):
        yield turn * step


def _powers(axis: Axis) -> Iterator[float]:
    start, end = math.floor(math.log10(axis.low)), math.ceil(math.log10(axis.high))
    values = [10.0**power for power in range(start, end + 1)]
    yield from (value for value in values if axis.low <= value <= axis.high)


def _spots(found: Sequence[Candidate], across: Axis, up: Axis, measure: Measure) -> Iterator[Spot]:
    number = 0
    radius = _radii(found)
    for one in found:
        number += one.on_front
        yield Spot(
            candidate=one,
            x=across.place(one.taken),
            y=round(FULL - up.place(one.score.value), 2),
            radius=radius(one.latency_s),
            number=number if one.on_front else None,
            text=_text(one, measure),
        )


def _radii(found: Sequence[Candidate]) -> Callable[[float | None], float]:
    """The area of a dot grows with the time that the model needs."""
    known = [one.latency_s for one in found if one.latency_s is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)

    def radius(latency_s: float | None) -> float:
        if latency_s is None or high <= low:
            return SMALLEST + 1
        share = (latency_s - low) / (high - low)
        return round(math.sqrt(SMALLEST**2 + share * (LARGEST**2 - SMALLEST**2)), 1)

    return radius


def _text(one: Candidate, measure: Measure) -> str:
    lines = [
        wording.clipped(one.title, 80),
        f"score {wording.estimate_in('share', one.score)}",
        f"{TITLES[measure]}: {SAID[measure](one.taken)}",
    ]
    if one.latency_s is not None and measure != "latency":
        lines.append(f"{TITLES['latency']}: {seconds(one.latency_s)}")
    return "\n".join(lines)


def _stairs(front: Sequence[Spot]) -> Iterator[Riser]:
    """From each model of the front across to the next, and up."""
    for one, other in pairwise(front):
        yield Riser(one.x, one.y, other.x, one.y)
        yield Riser(other.x, one.y, other.x, other.y)
    if front:
        yield Riser(front[-1].x, front[-1].y, FULL, front[-1].y)


# --- in words ------------------------------------------------------------------------


def _takeaway(found: Sequence[Candidate], measure: Measure) -> str:
    front = [one for one in found if one.on_front]
    if len(front) == 1:
        return f"{_named(front[0], measure)} scores highest and {LEAST[measure]}."
    shown = "; ".join(_named(one, measure) for one in front[:NAMED])
    more = f"; {len(front) - NAMED} more" if len(front) > NAMED else ""
    below = len(found) - len(front)
    rest = f" {wording.counted(below, 'other model')} {'is' if below == 1 else 'are'} beaten."
    return f"A higher score takes {MORE[measure]}: {shown}{more}.{rest if below else ''}"


def _named(one: Candidate, measure: Measure) -> str:
    ends = f"{wording.percent(one.score.value)} at {SAID[measure](one.taken)}"
    return f"{wording.clipped(one.title, 60)} ({ends})"


def _latencies(found: Sequence[Candidate], measure: Measure) -> str:
    """What the size of a dot says; empty where it says nothing."""
    known = [one.latency_s for one in found if one.latency_s is not None]
    if measure == "latency" or not known or min(known) == max(known):
        return ""
    return f"{seconds(min(known))} to {seconds(max(known))}"
