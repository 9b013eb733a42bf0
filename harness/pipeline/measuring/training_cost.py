"""What training on an experiment's data takes, by its jobs or by its file, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.analysis.cost import TUNED, Training
from harness.messages import prompt_text
from harness.pipeline.measuring.spending import Payers
from harness.pipeline.measuring.track import Track
from harness.records import Messages, TrainingExample

if TYPE_CHECKING:
    from harness.pipeline.orders.tuning import TunedRun

A_MESSAGE, AN_EXAMPLE = 4, 3
"""Tokens that a hosted chat adds for each message, and for each example."""


def training_of(
    runs: Sequence[TunedRun], examples: Sequence[TrainingExample], provider: str = ""
) -> Training | None:
    """The tokens of one pass over the data: as the first job counted them, else by the file."""
    counted = (run.trained_tokens / run.epochs for run in runs if run.trained_tokens and run.epochs)
    known = next(counted, None)
    if known is not None:
        return Training(known)
    return one_pass(examples, provider) if examples else None


def one_pass(examples: Sequence[TrainingExample], provider: str) -> Training:
    """The tokens of a file: as the embedded model counts them, else an estimate by characters."""
    if provider != "embedded":
        messages = sum(len(example.messages) for example in examples)
        read = sum(estimated_tokens(example.messages) for example in examples)
        return Training(read + A_MESSAGE * messages + AN_EXAMPLE * len(examples), is_estimate=True)
    from harness.embedded.checkpoint import load_base

    tokenizer, network = load_base()
    lengths = (len(tokenizer.chat(example.messages)[0]) for example in examples)
    return Training(sum(min(length, network.config.context) for length in lengths))


CHARACTERS_A_TOKEN = 4


def estimated_tokens(messages: Messages) -> int:
    """Tokens by characters, four of which are one in English."""
    return -(-len(prompt_text(messages)) // CHARACTERS_A_TOKEN)


def priced(track: Track, payers: Payers) -> Track:
    """The track with the price of training on its data, where one is known."""
    if track.training is None:
        return track
    name = TUNED + track.base.removeprefix(TUNED)
    price = payers.price("model", name)
    return replace(track, training=replace(track.training, price=price, priced_as=name))
