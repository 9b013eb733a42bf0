"""The advices of one epoch count that point the wrong way: how much there was to see, and to lose.

What is wrong by direction can be right by score: good epoch counts end where the utility of the
test set falls by one standard error, and the checkpoint that an advice names may lie among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.advice.courses import Course
from benchmarks.advice.figures import Start, starts
from benchmarks.advice.policies import Policy


@dataclass(frozen=True)
class Miss:
    """One wrong direction. ``lost`` is the best utility minus that of the epoch count at hand,
    ``error`` the standard error of this paired difference."""

    said: int
    needed: int
    lost: float
    error: float
    regret: float
    lands_well: bool

    @classmethod
    def of(cls, course: Course, start: Start) -> Miss:
        """What was said from there, against the truth."""
        truth = course.truth
        return cls(
            said=sign(start.first.recommend),
            needed=start.needed,
            lost=truth.regret(start.epochs),
            error=truth.standard_error(truth.best, start.epochs),
            regret=start.regret,
            lands_well=start.first.to in truth.good,
        )

    def is_within(self, errors: float) -> bool:
        """Is the best epoch count better by no more than so many standard errors?"""
        return self.lost <= errors * self.error


def sign(change: int) -> int:
    """Its direction."""
    return (change > 0) - (change < 0)


def misses(policy: Policy, courses: Iterable[Course], place: int) -> Iterator[Miss]:
    """Of the starts at a place (1: the first epoch count, -1: the last), those that are wrong."""
    for course in courses:
        start = starts(policy, course)[place - 1 if place > 0 else place]
        if start.first.speaks and not start.is_open and not start.is_right:
            yield Miss.of(course, start)


def by_kind(found: Iterable[Miss]) -> dict[tuple[int, int], Sequence[Miss]]:
    """What was said and what was needed, the commonest pair first."""
    kinds: dict[tuple[int, int], list[Miss]] = {}
    for miss in found:
        kinds.setdefault((miss.said, miss.needed), []).append(miss)
    return dict(sorted(kinds.items(), key=lambda kind: (-len(kind[1]), kind[0])))
