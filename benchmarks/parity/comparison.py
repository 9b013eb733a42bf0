"""What differs between two sides: sample by sample, metric by metric, request by request."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.parity.sides import Facts, Side

SPREAD = "boostrap_std"
SPREAD_TOLERANCE = 0.2
"""Each side draws 1,000 random halves, so its spread is off by 1/sqrt(2000), 2.2 %, or less;
the difference of the two by 3.2 %. This is six times that."""

ORDER_TOLERANCE = 1e-12
"""Sums of floats differ in their last digits with the order in which answers came."""


@dataclass(frozen=True)
class Difference:
    """One value that is not the same; ``where`` is a sample's id, or empty for a final metric."""

    eval: str
    where: str
    name: str
    theirs: Any
    ours: Any

    def __str__(self) -> str:
        place = self.where or f"{self.eval}, final report"
        return f"{place}: {self.name} is {self.theirs!r} there and {self.ours!r} here"


def differences(name: str, theirs: Side, ours: Side) -> list[Difference]:
    """Everything in which one eval differs."""
    return [*_verdicts(name, theirs, ours), *_metrics(name, theirs, ours)]


def unequal_events(name: str, theirs: Side, ours: Side) -> list[Difference]:
    """Samples of one eval whose log events differ."""
    there, here = theirs.events.get(name, {}), ours.events.get(name, {})
    return [
        Difference(name, sample, "events", there.get(sample), here.get(sample))
        for sample in sorted(there.keys() | here.keys())
        if there.get(sample) != here.get(sample)
    ]


def _verdicts(name: str, theirs: Side, ours: Side) -> Iterator[Difference]:
    there, here = theirs.verdicts.get(name, {}), ours.verdicts.get(name, {})
    for sample in sorted(there.keys() | here.keys()):
        for key, left, right in _pairs(there.get(sample, {}), here.get(sample, {})):
            if left != right:
                yield Difference(name, sample, key, left, right)


def _metrics(name: str, theirs: Side, ours: Side) -> Iterator[Difference]:
    for key, left, right in _pairs(theirs.reports[name], ours.reports.get(name, {})):
        if not _same_metric(key, left, right):
            yield Difference(name, "", key, left, right)


def _pairs(left: Facts, right: Facts) -> Iterator[tuple[str, Any, Any]]:
    for key in {**left, **right}:
        yield key, left.get(key, "nothing"), right.get(key, "nothing")


def _same_metric(name: str, theirs: Any, ours: Any) -> bool:
    if isinstance(theirs, float) and math.isnan(theirs):
        return ours is None
    if isinstance(theirs, float) and isinstance(ours, float):
        tolerance = SPREAD_TOLERANCE if name == SPREAD else ORDER_TOLERANCE
        return math.isclose(theirs, ours, rel_tol=tolerance)
    return bool(theirs == ours)


def unequal_requests(
    theirs: Mapping[bytes, int], ours: Mapping[bytes, int]
) -> tuple[Counter[bytes], Counter[bytes]]:
    """Requests that only they made, and that only we made, with how often."""
    there, here = Counter(theirs), Counter(ours)
    return there - here, here - there


def shown(requests: Counter[bytes], limit: int = 3, width: int = 400) -> Sequence[str]:
    """The first few requests, cut to be read."""
    return [body[:width].decode("utf-8", "replace") for body in sorted(requests)[:limit]]
