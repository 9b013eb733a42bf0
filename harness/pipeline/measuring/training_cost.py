"""What training on an experiment's data takes, by its jobs or by its file, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.analysis.cost import TUNED, Training
from harness.messages import prompt_text
from harness.pipeline.measuring.spending import Payers
from harness.pipeline.measuring.track import Track
from harness.records import TrainingExample

if TYPE_CHECKING:
    from harness.pipeline.orders.tuning import TunedRun

CHARACTERS_A_TOKEN = 4


def training_of(runs: Sequence[TunedRun], examples: Sequence[TrainingExample]) -> Training | None:
    """The tokens of one pass over the data: as the first job counted them, else an estimate."""
    counted = (run.trained_tokens / run.epochs for run in runs if run.trained_tokens and run.epochs)
    known = next(counted, None)
    if known is not None:
        return Training(known)
    if not examples:
        return None
    characters = sum(len(prompt_text(example.messages)) for example in examples)
    return Training(characters / CHARACTERS_A_TOKEN, is_estimate=True)


def priced(track: Track, payers: Payers) -> Track:
    """The track with the price of training on its data, where one is known."""
    if track.training is None:
        return track
    name = TUNED + track.base.removeprefix(TUNED)
    price = payers.price("model", name)
    return replace(track, training=replace(track.training, price=price, priced_as=name))
