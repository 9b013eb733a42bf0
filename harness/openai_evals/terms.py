"""What an eval that runs itself is given beside its models: limits, judge, whom to tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from harness.graders.base import Judge
from harness.records import DEFAULT_SEED, Endpoint
from harness.running.retries import Limits
from harness.running.runner import Observer, Tally


@dataclass(frozen=True, slots=True)
class Terms:
    """How a bridged eval is run, and what its log says about that.

    ``log`` is where its events are written: ``logs/<eval>.jsonl`` beside the journal by default.
    ``tally`` is gone on with, where other evals have been counted before.
    """

    limits: Limits = field(default_factory=Limits)
    max_samples: int | None = None
    seed: int = DEFAULT_SEED
    endpoint: Endpoint = "chat"
    judge: Judge | None = None
    observer: Observer | None = None
    tally: Tally | None = None
    log: Path | None = None
    command: str = ""
    created_by: str = ""
