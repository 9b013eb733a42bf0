"""Hosted Evals' grader that is Python code: python. Off unless the run allows it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.errors import RegistryError, UsageError
from harness.graders import sandbox
from harness.graders.hosted import option_fields, threshold_mark, threshold_of
from harness.graders.templates import answer_of, item_of
from harness.records import Completion, Sample, Score

MAX_SOURCE = 256 * 1024
TIMEOUT_S = 30
MAX_TIMEOUT_S = 120
"""The hosted service's own bounds on size and time; a run waits less unless it is told."""


@dataclass(frozen=True)
class PythonGrader:
    """The number that ``grade(sample, item)`` of some source gives, run in a sandbox.

    The code is a stranger's: it runs only where ``allowed``, which no registry can say. With
    ``pass_threshold`` the value says whether it is reached. A fault of the code is no mark.
    """

    source: str
    pass_threshold: float | None = None
    timeout_s: int = TIMEOUT_S
    allowed: bool = False
    needs_ideal: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if "def grade" not in self.source:
            raise RegistryError("source: has no function grade(sample, item); add it")
        if len(self.source.encode()) > MAX_SOURCE:
            raise RegistryError("source: more than 256 kB of code; shorten it")

    @classmethod
    def read_options(cls, args: Mapping[str, Any], place: str) -> dict[str, Any]:
        """The fields from a registry's options, checked."""
        fields = option_fields(args, place)
        fields.take("image_tag")  # which packages the hosted service had; here: those installed
        timeout_s = fields.integer("timeout_s", least=1) or TIMEOUT_S
        options = {
            "source": fields.required_text("source"),
            "pass_threshold": threshold_of(fields),
            "timeout_s": min(timeout_s, MAX_TIMEOUT_S),
        }
        fields.refuse_rest()
        return options

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """The code's number, or 1 where it reaches the threshold.

        Raises:
            UsageError: the code is not allowed to run.
        """
        if not self.allowed:
            raise UsageError("this eval runs Python code from the registry; --allow-code python")
        bounds = sandbox.Bounds(cpu_s=self.timeout_s, wall_s=self.timeout_s)
        verdict = await asyncio.to_thread(
            sandbox.graded, self.source, answer_of(completion), dict(item_of(sample)), bounds
        )
        if verdict.value is None:
            return Score(None, reason=f"the grader's code gave no mark: {verdict.fault}")
        return threshold_mark(verdict.value, self.pass_threshold)
