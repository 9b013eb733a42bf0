"""What is told of a study while it runs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from harness.pipeline.orders.tuning import TuningWatch
from harness.records import Finding
from harness.running.batch_dispatch import BatchWatch
from harness.running.runner import Observer


class Watch(TuningWatch, BatchWatch, Protocol):
    """Whoever shows the progress of a study."""

    def noticed(self, eval_name: str, finding: Finding) -> None:
        """Something about an eval that its user should know before it is asked."""
        ...

    def embedding(self, texts: int) -> None:
        """So many texts have vectors from the embedding model by now."""
        ...

    def evaluating(self, total: int) -> AbstractContextManager[Observer | None]:
        """Answers begin to come in, ``total`` of them at the most."""
        ...
