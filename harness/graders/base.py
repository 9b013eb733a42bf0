"""What every grader is: a frozen dataclass whose fields are its options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from harness.errors import BadResponse
from harness.models.base import Provider
from harness.records import Completion, Messages, Request, Sample, Sampling, Score


class Grader(Protocol):
    """Marks one completion of one sample.

    ``needs_ideal`` says whether its samples must carry an expected answer. ``grade`` gives the
    same mark every time and never raises on what a model wrote. Only a grader with a field
    ``judge`` asks anybody; every other does no I/O.
    """

    needs_ideal: ClassVar[bool]

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """The mark; its value is None where there can be no mark.

        Raises:
            ProviderError: the judge did not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Judge:
    """A model that marks. Its provider is open, and tries again, while there is grading."""

    provider: Provider = field(repr=False, compare=False)
    model: str

    async def answer(
        self, messages: Messages, sampling: Sampling, sample_id: str | None = None
    ) -> Completion:
        """The first choice of what the judge says.

        Raises:
            ProviderError: it did not answer.
        """
        request = Request(self.model, messages, sampling, sample_id=sample_id)
        choices = await self.provider.complete(request)
        if not choices:
            raise BadResponse(f"the judge {self.model!r} gave no choice; asking again may help")
        return choices[0]
