"""From moves to figures: regret, directions, harm, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import mean

from benchmarks.advice.courses import Course
from benchmarks.advice.oracle import Truth
from benchmarks.advice.policies import Move, Policy
from harness.analysis.stats import paired_difference
from harness.records import Estimate

ROUNDS = 3


@dataclass(frozen=True)
class Start:
    """What one policy did from one epoch count of one course.

    ``needed`` is where better epoch counts lie; ``spent`` counts epochs trained after the start.
    """

    epochs: int
    first: Move
    needed: int
    regret: float
    final_regret: float
    harmful: bool
    spent: int
    final_spent: int
    at_end: bool
    """From the last epoch count there is, which is the best one, too, and nobody looked ahead."""

    @property
    def is_right(self) -> bool:
        """Did it point where the better epoch counts lie?"""
        return (self.first.recommend > 0) - (self.first.recommend < 0) == self.needed

    @property
    def is_open(self) -> bool:
        """More epochs from the last one that was trained: nobody knows whether that is right."""
        return self.at_end and self.first.recommend > 0

    @property
    def moves(self) -> bool:
        """Was a change of epochs recommended?"""
        return self.first.recommend != 0


def started(policy: Policy, course: Course, epochs: int) -> Start:
    """Follow a policy from an epoch count, once and for all rounds."""
    truth = course.truth
    first = policy.move(course, epochs)
    last, spent = followed(policy, course, epochs, first)
    return Start(
        epochs=epochs,
        first=first,
        needed=needed(truth, epochs, first),
        regret=truth.regret(first.to),
        final_regret=truth.regret(last.to),
        harmful=first.recommend != 0 and truth.is_harmful(epochs, first.to),
        spent=first.trained,
        final_spent=spent,
        at_end=not truth.later and epochs == course.last and truth.is_rising,
    )


def needed(truth: Truth, epochs: int, move: Move) -> int:
    """Where better epoch counts lie. Nothing within reach can judge *more* from the last one."""
    if move.recommend > 0 and truth.later and epochs == truth.last:
        return truth.direction_ahead(epochs)
    return truth.direction(epochs)


def followed(policy: Policy, course: Course, epochs: int, move: Move) -> tuple[Move, int]:
    """The last move of at most three rounds, and the epochs trained in all of them.

    A round ends the loop when nothing new is trained.
    """
    spent, here = move.trained, epochs
    for _ in range(ROUNDS - 1):
        if not move.trained:
            break
        previous, here = move.to - here, move.to
        move = policy.move(course, here, previous)
        spent += move.trained
    return move, spent


@cache
def starts(policy: Policy, course: Course) -> tuple[Start, ...]:
    """From every epoch count."""
    return tuple(started(policy, course, epochs) for epochs in range(1, course.last + 1))


@dataclass(frozen=True)
class Figures:
    """One policy on some courses. Shares are None where there is nothing to take a share of."""

    name: str
    regret: float
    final_regret: float
    accuracy: float | None
    accuracy_speaking: float | None
    abstains: float
    harmful: float | None
    moves: int
    spent: float
    final_spent: float
    tasks: int

    @classmethod
    def of(cls, policy: Policy, courses: Sequence[Course], only: Sequence[int] = ()) -> Figures:
        """Means over tasks of means over starts; shares over all starts.

        ``only`` restricts the starts: 1 is the first epoch count, -1 the last.
        """
        by_course = [chosen(starts(policy, course), only) for course in courses]
        pooled = [start for group in by_course for start in group]
        speaking = [start for start in pooled if start.first.speaks]
        moving = [start for start in pooled if start.moves]
        return cls(
            name=policy.name,
            regret=mean(mean(s.regret for s in group) for group in by_course),
            final_regret=mean(mean(s.final_regret for s in group) for group in by_course),
            accuracy=share(s.is_right for s in pooled if not s.is_open),
            accuracy_speaking=share(s.is_right for s in speaking if not s.is_open),
            abstains=1 - len(speaking) / len(pooled),
            harmful=share(s.harmful for s in moving),
            moves=len(moving),
            spent=mean(s.spent for s in pooled),
            final_spent=mean(s.final_spent for s in pooled),
            tasks=len(courses),
        )


def by_rule(policy: Policy, courses: Sequence[Course]) -> dict[int, list[Start]]:
    """What each row of the table said, from every epoch count."""
    found: dict[int, list[Start]] = {}
    for course in courses:
        for start in starts(policy, course):
            found.setdefault(start.first.rule, []).append(start)
    return dict(sorted(found.items()))


def chosen(found: Sequence[Start], only: Sequence[int]) -> Sequence[Start]:
    """The starts of certain places, or all."""
    return [found[place - 1 if place > 0 else place] for place in only] if only else found


def share(answers: Iterable[bool]) -> float | None:
    """Of those that are true."""
    found = list(answers)
    return mean(found) if found else None


def regret_against(
    ours: Policy, theirs: Policy, courses: Sequence[Course], *, final: bool = False
) -> tuple[Estimate, float]:
    """Our regret minus theirs, paired by task: a task's starts are one observation."""

    def regrets(policy: Policy) -> list[float]:
        return [
            mean(s.final_regret if final else s.regret for s in starts(policy, course))
            for course in courses
        ]

    return paired_difference(regrets(ours), regrets(theirs))
