"""What every grader is: a frozen dataclass whose fields are its options."""

from __future__ import annotations

from typing import ClassVar, Protocol

from harness.records import Completion, Sample, Score


class Grader(Protocol):
    """Marks one completion of one sample.

    ``needs_ideal`` says whether its samples must carry an expected answer. ``grade`` does no
    I/O of its own, gives the same mark every time, and never raises on what a model wrote.
    """

    needs_ideal: ClassVar[bool]

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """The mark; its value is None where there can be no mark."""
        ...
