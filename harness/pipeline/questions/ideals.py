"""Ideal answers that spoil an eval: those that every answer meets, and those that none can."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from harness.records import EvalSpec, Finding, Sample

FOUND_IN_EVERYTHING = frozenset({"match", "includes"})
"""Graders that look for the ideal in the answer: an empty one is in every answer."""

MOST_NAMED = 5


@dataclass(slots=True)
class EmptyIdeals:
    """Samples that every answer gets right, because an ideal of theirs is empty.

    They are found as samples pass by on their way to somebody else: reading them takes longer.
    """

    spec: EvalSpec
    count: int = 0
    ids: list[str] = field(default_factory=list)

    def passing(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        """The same samples, looked at."""
        for sample in samples:
            self.count += 1
            if "" in sample.ideal:
                self.ids.append(sample.id)
            yield sample

    def finding(self) -> Finding | None:
        """What was found among the samples that have passed."""
        spec, ids = self.spec, self.ids
        if not ids or spec.grader not in FOUND_IN_EVERYTHING:
            return None
        message = (
            f"{len(ids):,} of {self.count:,} samples have an empty ideal, which {spec.grader} "
            f"finds in every answer, so they are always right: {_named(ids)}; write what is "
            f"expected in {spec.samples}, or remove these lines"
        )
        return Finding("empty ideal", "warn", message, {"samples": list(ids)})


def empty_ideals(spec: EvalSpec, samples: Iterable[Sample]) -> Finding | None:
    """Samples that every answer gets right, because an ideal of theirs is empty."""
    if spec.grader not in FOUND_IN_EVERYTHING:
        return None
    empty = EmptyIdeals(spec)
    for _ in empty.passing(samples):
        pass
    return empty.finding()


@dataclass(slots=True)
class IdealMarks:
    """What the grader gives the ideals themselves: all marks, and which samples get less than 1."""

    marks: array[float] = field(default_factory=lambda: array("d"))
    rejected: list[str] = field(default_factory=list)

    def add(self, sample_id: str, mark: float) -> None:
        """Take in the mark of one sample's ideal."""
        self.marks.append(mark)
        if mark < 1:
            self.rejected.append(sample_id)


def rejected_ideals(spec: EvalSpec, ideals: IdealMarks) -> Finding | None:
    """Samples that no answer gets right, because the grader rejects their own ideal."""
    ids = ideals.rejected
    if not ids:
        return None
    message = (
        f"the grader {spec.grader} does not mark the ideal of {len(ids):,} of "
        f"{len(ideals.marks):,} samples 1: {_named(ids)}; mend these ideals in {spec.samples}, or "
        "use another grader"
    )
    return Finding("rejected ideal", "warn", message, {"samples": ids})


def _named(ids: Sequence[str]) -> str:
    more = len(ids) - MOST_NAMED
    return ", ".join(ids[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
