"""Networks on disk: one npz file with the words, the sizes and the weights."""

from __future__ import annotations

from pathlib import Path

from harness.embedded.network import Network
from harness.embedded.tokenizer import Tokenizer


def load_base() -> tuple[Tokenizer, Network]:
    """Return the base model that ships with the package."""
    raise NotImplementedError


def save(path: Path, tokenizer: Tokenizer, network: Network) -> None:
    """Write a network and its tokenizer; weights keep every bit."""
    raise NotImplementedError


def load(path: Path) -> tuple[Tokenizer, Network]:
    """Read what ``save`` wrote.

    Raises:
        ValueError: the file is not such a checkpoint.
    """
    raise NotImplementedError
