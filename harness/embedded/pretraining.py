"""Makes the base model: ``python -m harness.embedded.pretraining --out FILE``.

Takes about three minutes of one core. On the same kind of machine with the same numpy the file
comes out bit for bit as it ships; another BLAS build may round differently in the last bits, and
training then drifts apart.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from itertools import islice
from math import cos, pi
from pathlib import Path
from random import Random

import numpy as np

from harness.blas import one_thread
from harness.embedded.checkpoint import save
from harness.embedded.corpus import chats
from harness.embedded.network import Batch, Network, NetworkConfig
from harness.embedded.tokenizer import Tokenizer
from harness.embedded.training import Adam

SEED = 1
STEPS = 18_000
CHATS_A_STEP = 16
STEPS_A_DRAW = 4
LEARNING_RATE = 2e-3
WARM_UP_STEPS = 30
FLOOR = 1e-8
HEADS = 2
VOCABULARY_CHATS = 20_000
LEAST_COUNT = 3
"""A word seen less often than this is left to its bytes."""


def pretrain(steps: int = STEPS, report_every: int = 250) -> tuple[Tokenizer, Network]:
    """Train a base model from nothing, saying how it goes on stderr."""
    tokenizer = vocabulary()
    network = Network.initial(NetworkConfig(tokenizer.size, heads=HEADS), SEED)
    optimiser = Adam(network.weights, FLOOR)
    source = _batches(tokenizer, network.config.context)
    started = time.perf_counter()
    with one_thread:
        for step in range(1, steps + 1):
            loss, gradient = network.loss_and_gradient(next(source))
            optimiser.step(gradient, learning_rate(step, steps))
            if step % report_every == 0 or step == steps:
                _report(step, steps, loss.nll / loss.tokens, time.perf_counter() - started)
    return tokenizer, network


def learning_rate(step: int, steps: int) -> float:
    """Rise in a straight line, then fall along a cosine to a twentieth."""
    fall = 0.05 + 0.95 * 0.5 * (1 + cos(pi * step / steps))
    return LEARNING_RATE * min(1.0, step / WARM_UP_STEPS) * fall


def vocabulary() -> Tokenizer:
    """Return a tokenizer for the words of the corpus."""
    sample = islice(chats(Random(SEED)), VOCABULARY_CHATS)
    return Tokenizer.of_texts((said["content"] for chat in sample for said in chat), LEAST_COUNT)


def _batches(tokenizer: Tokenizer, context: int) -> Iterator[Batch]:
    """Draw a few steps' chats at a time and put those of like length together: less padding."""
    source, random = chats(Random(SEED + 1)), Random(SEED + 2)
    while True:
        drawn = [tokenizer.chat(chat) for chat in islice(source, CHATS_A_STEP * STEPS_A_DRAW)]
        drawn.sort(key=lambda chat: len(chat[0]))
        steps = [drawn[at : at + CHATS_A_STEP] for at in range(0, len(drawn), CHATS_A_STEP)]
        random.shuffle(steps)
        yield from (Batch.of(step, context) for step in steps)


def _report(step: int, steps: int, loss: float, elapsed_s: float) -> None:
    rate = step / elapsed_s
    line = f"step {step}/{steps}  loss {loss:.3f}  {rate:.1f} steps/s"
    print(f"{line}  {(steps - step) / rate:.0f} s to go", file=sys.stderr, flush=True)  # noqa: T201 - a command


def main() -> None:
    """Write the checkpoint where ``--out`` says."""
    parser = argparse.ArgumentParser(description="Make the embedded base model from nothing.")
    parser.add_argument("--out", type=Path, required=True, help="the npz file to write")
    parser.add_argument("--steps", type=int, default=STEPS, help="fewer make a worse model")
    options = parser.parse_args()
    tokenizer, network = pretrain(options.steps)
    save(options.out, tokenizer, network, precision=np.float16)
    size = options.out.stat().st_size
    print(f"{options.out}: {len(network.weights)} weights, {tokenizer.size} tokens, {size} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
