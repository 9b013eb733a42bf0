"""Sampling from a network, one request at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.embedded.network import Network

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One continuation, without its <end>.

    ``logprobs`` has one entry an id; ``top_logprobs`` one list of (id, log-probability) an id,
    likeliest first, empty lists when none were asked for. Both are at temperature 1.
    """

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    top_logprobs: tuple[tuple[tuple[int, float], ...], ...]
    finish_reason: FinishReason


def generate(
    network: Network,
    prompt: Sequence[int],
    *,
    n: int = 1,
    max_tokens: int = 32,
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int | None = None,
    end: int,
    top_logprobs: int = 0,
) -> list[Choice]:
    """Return n continuations of a prompt; the same arguments give the same choices."""
    raise NotImplementedError
