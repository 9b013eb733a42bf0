"""Who says what to do next: the advice, and every simpler way that it has to beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.advice.courses import Course
from harness.analysis.advice import advise, clamped
from harness.analysis.evidence import Evidence
from harness.analysis.thresholds import DEFAULT, Thresholds
from harness.embedded.recipes import default_epochs

NOT_TOLD = frozenset({23, 24})
"""Rules that say that nothing can be said."""


@dataclass(frozen=True)
class Move:
    """What a policy does after some epochs: the epoch count that is used then.

    ``trained`` is how many epochs a new run takes (0: the checkpoint exists), ``recommend`` the
    change that was said, ``rule`` the row of the table, if there is one.
    """

    to: int
    trained: int = 0
    recommend: int = 0
    rule: int = 0

    @property
    def speaks(self) -> bool:
        """Whether anything was said."""
        return self.rule not in NOT_TOLD


class Policy(Protocol):
    """Decides from what is known after some epochs. ``previous`` is the last change."""

    name: str

    def move(self, course: Course, epochs: int, previous: int = 0) -> Move:
        """What to do next."""
        ...


def trained(course: Course, epochs: int, recommend: int) -> Move:
    """Train another run, at most as long as the longest there is."""
    to = min(course.last, epochs + recommend)
    return Move(to, to if to > epochs else 0, recommend)


@dataclass(frozen=True)
class Advisor:
    """The advice of a study: more epochs are trained; else the checkpoint that it names is used."""

    limits: Thresholds = DEFAULT
    name: str = "the advice"

    def move(self, course: Course, epochs: int, previous: int = 0) -> Move:
        """Read the decision table, as a study does."""
        said = advise(
            course.after(epochs),
            course.candidates[epochs - 1],
            previous=previous,
            limits=self.limits,
        )
        if said.recommend > 0:
            to = min(course.last, epochs + said.recommend)
            return Move(to, to if to > epochs else 0, said.recommend, said.rule)
        named = said.checkpoint_epoch
        to = epochs + said.recommend if named is None else round(named)
        return Move(to, 0, said.recommend, said.rule)


@dataclass(frozen=True)
class Stay:
    """Whatever was trained is used."""

    name: str = "always 0"

    def move(self, course: Course, epochs: int, previous: int = 0) -> Move:
        """Nothing."""
        return Move(epochs)


@dataclass(frozen=True)
class Fixed:
    """One epoch count for all, or one that depends on the number of examples."""

    name: str
    wanted: Callable[[Course], int]

    def move(self, course: Course, epochs: int, previous: int = 0) -> Move:
        """Go there: an earlier checkpoint exists, a later one is trained."""
        return trained(course, epochs, min(course.last, self.wanted(course)) - epochs)


@dataclass(frozen=True)
class Best:
    """The checkpoint that a curve says is best, of those that exist.

    With ``goes_on`` two more epochs are trained as long as the newest one is the best.
    """

    name: str
    curve: Callable[[Course, int], Sequence[float]]
    goes_on: bool = False

    def move(self, course: Course, epochs: int, previous: int = 0) -> Move:
        """Of equal ones the earliest."""
        values = self.curve(course, epochs)
        best = 1 + max(range(len(values)), key=lambda place: (values[place], -place))
        if best == epochs and self.goes_on:
            return trained(course, epochs, 2)
        return Move(best, 0, best - epochs)


@dataclass(frozen=True)
class Guide:
    """The guide's rule 7 alone, on point estimates: +1 or +2 where training data are not followed
    as expected, -1 or -2 where the answers are less diverse than expected."""

    limits: Thresholds = field(default=DEFAULT)
    name: str = "the guide's rules alone"

    def move(self, course: Course, epochs: int, previous: int = 0) -> Move:
        """No intervals, no trends, no curves."""
        recommend = clamped(self._change(course.after(epochs)), epochs, self.limits)
        return trained(course, epochs, recommend)

    def _change(self, seen: Evidence) -> int:
        if seen.task == "open":
            ratio = seen.diversity.to_expected.value if seen.diversity else 1.0
            if ratio >= self.limits.less_diverse:
                return 0
            return -2 if ratio < self.limits.collapsed else -1
        lacking = seen.ceiling - (seen.train.value if seen.train else seen.ceiling)
        if lacking <= self.limits.fit_slack:
            return 0
        return 2 if lacking > self.limits.far_below_ceiling else 1


def least_valid_loss(course: Course, epochs: int) -> Sequence[float]:
    """The higher the better."""
    return [-loss for loss in course.after(epochs).valid_losses]


def valid_token_accuracy(course: Course, epochs: int) -> Sequence[float]:
    """Of the held-out samples, as training measures it."""
    return course.after(epochs).valid_token_accuracies


def heldout_score(course: Course, epochs: int) -> Sequence[float]:
    """Of the generated answers; of open tasks the quality alone."""
    return course.heldout[1 : epochs + 1]


CURVES = {
    "minimum valid loss": least_valid_loss,
    "maximum valid token accuracy": valid_token_accuracy,
    "best held-out checkpoint": heldout_score,
}

NAMED: tuple[Policy, ...] = (
    Stay(),
    Fixed("always 3", lambda course: 3),
    Fixed("hosted default", lambda course: default_epochs(course.n_train)),
    *(Best(name, curve) for name, curve in CURVES.items()),
    Guide(),
)
"""Those that the study was asked to hold the advice against."""

STRONGER: tuple[Policy, ...] = tuple(
    Best(f"{name}, training on", curve, goes_on=True) for name, curve in CURVES.items()
)
"""The same curves, read by somebody who trains on while they get better; it takes more epochs."""

BASELINES = (*NAMED, *STRONGER)
