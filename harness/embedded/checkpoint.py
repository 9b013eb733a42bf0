"""Networks on disk: one npz file with the words, the sizes and the weights."""

from __future__ import annotations

import zlib
from dataclasses import astuple
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import DTypeLike

from harness.embedded.network import Network, NetworkConfig, weight_count
from harness.embedded.tokenizer import Tokenizer

BASE = Path(__file__).with_name("base.npz")


def load_base() -> tuple[Tokenizer, Network]:
    """Return the base model that ships with the package."""
    return load(BASE)


def save(
    path: Path, tokenizer: Tokenizer, network: Network, precision: DTypeLike = np.float32
) -> None:
    """Write a network and its tokenizer; at the usual precision the weights keep every bit."""
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            words=np.array(tokenizer.words),
            config=np.array(astuple(network.config)),
            weights=network.weights.astype(precision),
        )


def load(path: Path) -> tuple[Tokenizer, Network]:
    """Read what ``save`` wrote.

    Raises:
        ValueError: the file is not such a checkpoint.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            words: list[str] = stored["words"].tolist()
            config = NetworkConfig(*stored["config"].tolist())
            weights = stored["weights"].astype(np.float32)
        if weights.shape != (weight_count(config),):
            raise ValueError("its weights do not fit its sizes")
        return Tokenizer(words), Network(config, weights)
    except (KeyError, TypeError, ValueError, EOFError, BadZipFile, zlib.error) as error:
        raise ValueError(f"{path}: not a checkpoint of the embedded model ({error})") from error
