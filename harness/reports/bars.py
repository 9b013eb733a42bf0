"""What a gate asks, as places on charts: lines that a score or a difference has to reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.records import Check, Estimate, Gate
from harness.reports import gates, wording
from harness.reports.document import SCORE, Panel, Point, Section, Series


@dataclass(frozen=True, slots=True)
class Bar:
    """One limit of a policy; ``name`` says what it asks."""

    name: str
    value: float


def difference_bars(gate: Gate | None, eval_name: str) -> tuple[Bar, ...]:
    """What tuned minus base has to reach on one eval's own score."""
    found = {_difference(check): gates.asked(check) for check in _own_checks(gate, eval_name)}
    return tuple(Bar(name, value) for value, name in found.items() if value is not None)


def score_bars(gate: Gate | None, section: Section) -> tuple[Bar, ...]:
    """What the score has to reach on one eval: a floor, or a place beside the base model's."""
    found: dict[float, str] = {}
    for check in _own_checks(gate, section.eval):
        value = _bar(check, section)
        if value is not None and 0 < value <= 1:
            found.setdefault(value, f"gate: {NAMES[check.rule.demand].format(_size(check))}")
    return tuple(Bar(name, value) for value, name in found.items())


NAMES = {
    "floor": "floor",
    "non_inferior": "base less {} points",
    "gain": "base plus {} points",
}


def with_bars(panel: Panel, gate: Gate | None, section: Section) -> Panel:
    """A chart of an eval's scores with the gate's lines."""
    lines = (
        Series(bar.name, "gate", (Point(0, _known(bar.value)),))
        for bar in score_bars(gate, section)
    )
    return replace(panel, series=(*panel.series, *lines))


def _known(value: float) -> Estimate:
    return Estimate(value, value, value, 0, "what the policy asks")


def _own_checks(gate: Gate | None, eval_name: str) -> Iterator[Check]:
    """The checks of an eval's own score, where that is a share of which more is better."""
    for check in gate.checks if gate else ():
        rule = check.rule
        plain = not rule.metric and not rule.lower_is_better and check.unit == "share"
        if check.eval == eval_name and plain and rule.demand in NAMES:
            yield check


def _difference(check: Check) -> float | None:
    rule = check.rule
    return {"non_inferior": -rule.limit, "gain": rule.limit}.get(rule.demand)


def _bar(check: Check, section: Section) -> float | None:
    if check.rule.demand == "floor":
        return check.rule.limit
    base, difference = _base_score(check, section), _difference(check)
    return None if base is None or difference is None else base + difference


def _base_score(check: Check, section: Section) -> float | None:
    for result in section.results:
        if result.model == (check.base or section.base):
            found = result.metrics.get(section.metric) or result.metrics.get(SCORE)
            return found.value if found else None
    return None


def _size(check: Check) -> str:
    return wording.plain(100 * check.rule.limit)
