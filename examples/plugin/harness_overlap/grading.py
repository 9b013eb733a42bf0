"""A grader: how many of the ideal answer's words the completion has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.records import Completion, Sample, Score


@dataclass(frozen=True)
class WordOverlap:
    """The share of the ideal's words that the completion holds, the best of all ideals.

    ``least`` is the share from which the answer counts as right; without it the share itself
    is the mark.
    """

    least: float | None = None
    needs_ideal: ClassVar[bool] = True

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """The mark, from 0 to 1."""
        said = set(completion.text.casefold().split())
        share = max(_share(ideal, said) for ideal in sample.ideal)
        return Score(float(share >= self.least) if self.least is not None else share)


def _share(ideal: str, said: set[str]) -> float:
    words = set(ideal.casefold().split())
    return len(words & said) / len(words) if words else 0.0
