"""Are planted faults named, and is clean data left alone?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.advice.courses import Course
from benchmarks.advice.faults import FAULTS
from benchmarks.advice.figures import followed
from benchmarks.advice.policies import Advisor, Move
from harness.embedded.recipes import default_epochs

BLOCKS = frozenset({1, 2, 4})
"""Rules that stop everything for the sake of evaluation or data."""


@dataclass(frozen=True)
class Recall:
    """One fault: in how many tasks the last advice named it, and what the others said."""

    fault: str
    tasks: int
    found: int
    found_at_last: int
    rules: Sequence[int]
    missed: Sequence[str]


def ending(advisor: Advisor, course: Course) -> Move:
    """What is said after three rounds that begin at the hosted default."""
    start = min(course.last, default_epochs(course.n_train))
    move, _ = followed(advisor, course, start, advisor.move(course, start))
    return advisor.move(course, move.to) if move.trained else move


def is_named(course: Course, move: Move) -> bool:
    """Does the rule name this fault? Of lints that block, one has to be the right one."""
    fault = FAULTS[course.fault]
    if move.rule == 4:
        blocking = {f.rule for f in course.after(1).lints if f.severity == "block"}
        return bool(blocking & set(fault.lints))
    return move.rule in fault.rules


def recall_of(advisor: Advisor, courses: Iterable[Course]) -> list[Recall]:
    """Every fault, by name."""
    by_fault: dict[str, list[Course]] = {fault: [] for fault in FAULTS}
    for course in courses:
        by_fault[course.fault].append(course)
    return [_recall(advisor, fault, found) for fault, found in by_fault.items() if found]


def _recall(advisor: Advisor, fault: str, courses: Sequence[Course]) -> Recall:
    said = [(course, ending(advisor, course)) for course in courses]
    return Recall(
        fault=fault,
        tasks=len(courses),
        found=sum(is_named(course, move) for course, move in said),
        found_at_last=sum(is_named(c, advisor.move(c, c.last)) for c in courses),
        rules=sorted({move.rule for course, move in said if is_named(course, move)}),
        missed=[f"{c.task}: row {move.rule}" for c, move in said if not is_named(c, move)],
    )


def false_blocks(advisor: Advisor, clean: Sequence[Course]) -> list[str]:
    """Clean tasks that are blocked after some epoch count or other, with the rule."""
    found = []
    for course in clean:
        rules = {advisor.move(course, e).rule for e in range(1, course.last + 1)} & BLOCKS
        if rules:
            lints = sorted(f.rule for f in course.after(1).lints if f.severity == "block")
            found.append(f"{course.task}: row {min(rules)} {', '.join(lints)}".strip())
    return found
