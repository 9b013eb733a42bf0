"""How many tokens examples have: exactly where tiktoken's files are at hand, else estimated."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

A_MESSAGE, AN_EXAMPLE = 4, 3
"""Tokens that a chat adds for each message, and for each example."""

CHARACTERS_A_TOKEN = 4.0
BYTES_A_TOKEN = 3.2
"""Of scripts other than Latin: an ideograph is about one token, a Cyrillic letter half of one."""

ENCODINGS: dict[str, str] = {
    r"gpt-4o|gpt-4\.1|gpt-4\.5|gpt-5|o[134]\b|chatgpt": "o200k_base",
    r"gpt-4|gpt-3\.5|gpt-35": "cl100k_base",
}
SHA256 = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}
"""The files that tiktoken accepts."""

HOSTED = "gpt-4o"
ESTIMATE = "an estimate: 4 Latin characters, or 3.2 bytes of other scripts, a token"

LIMITS: dict[str, int] = {
    r"gpt-4o|gpt-4\.1": 65_536,
    r"gpt-3\.5": 16_385,
    r"gpt-4": 8_192,
}
"""Tokens that one training example may have, as published in 2025-05."""


class Counter(NamedTuple):
    """A way to count the tokens of a text, and what to call it."""

    count: Callable[[str], int]
    exact: bool
    method: str


def base_of(model: str) -> str:
    """The base model of a tuned one: ``ft:gpt-4.1-mini:me::abc`` -> ``gpt-4.1-mini``."""
    return model.removeprefix("ft:").partition(":")[0]


def limit_of(model: str) -> int | None:
    """The most tokens that an example may have; None where that is not known."""
    return next((n for name, n in LIMITS.items() if re.match(name, base_of(model))), None)


def counter_for(model: str | None, cache: Path | None) -> Counter:
    """The counter for a model; ``cache`` is the folder where tiktoken keeps its files.

    Nothing is ever downloaded.
    """
    name = _encoding_of(model or HOSTED)
    encoding = _encoding_at_hand(name, cache) if name else None
    if encoding is None:
        return Counter(estimated, False, ESTIMATE)

    def exactly(text: str) -> int:
        return len(encoding.encode_ordinary(text))

    return Counter(exactly, True, f"tiktoken, {name}")


def estimated(text: str) -> int:
    """About how many tokens a text has."""
    if text.isascii():
        return round(len(text) / CHARACTERS_A_TOKEN)
    ascii_only = text.encode("ascii", "ignore")
    others = len(text.encode("utf-8", "surrogatepass")) - len(ascii_only)
    return round(len(ascii_only) / CHARACTERS_A_TOKEN + others / BYTES_A_TOKEN)


def _encoding_of(model: str) -> str | None:
    return next((e for name, e in ENCODINGS.items() if re.match(name, base_of(model))), None)


def _encoding_at_hand(name: str, cache: Path | None) -> Any:
    """tiktoken's encoding where its file lies in the cache; None elsewhere."""
    if cache is None or find_spec("tiktoken") is None:
        return None
    if not _is_whole(cache / _file_of(name), name):
        return None
    import tiktoken

    return tiktoken.get_encoding(name)


def _is_whole(path: Path, encoding: str) -> bool:
    """Is a file of an encoding there as it was published? tiktoken downloads any other anew."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[encoding]
    except OSError:
        return False


def _file_of(encoding: str) -> str:
    """What tiktoken calls the file of an encoding in its cache."""
    address = f"https://openaipublic.blob.core.windows.net/encodings/{encoding}.tiktoken"
    return hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()
