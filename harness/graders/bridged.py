"""The stand-in for marks that an eval's own class gave: nothing is marked anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.records import Completion, Sample, Score


@dataclass(frozen=True, slots=True)
class Bridged:
    """An eval that its own class ran; the marks are in the journal."""

    needs_ideal: ClassVar[bool] = False

    @classmethod
    def read_options(cls, args: Mapping[str, Any], place: str) -> dict[str, Any]:
        """The options are the class's own business."""
        return {}

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """No mark: only the class itself can give one."""
        return Score(None, reason="marked by the eval's own class")
