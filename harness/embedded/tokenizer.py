"""Text to token ids and back: words that carry their leading space, and bytes for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]
"""One chat message in the wire format: role, content, optional weight."""


class Tokenizer:
    """Encodes any text; what no word covers becomes bytes, so every text comes back as it was."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)

    @property
    def size(self) -> int:
        """How many ids there are."""
        raise NotImplementedError

    @property
    def end(self) -> int:
        """The id that closes every message; a model that emits it has finished."""
        raise NotImplementedError

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text."""
        raise NotImplementedError

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids; broken UTF-8 becomes replacement characters."""
        raise NotImplementedError

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes of one id as they stand in a text: empty for <end> and the roles.

        A first word carries a leading space that ``decode`` takes off.
        """
        raise NotImplementedError

    def chat(self, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
        """Return the ids of a whole chat, and 1 for every id that the assistant must produce."""
        raise NotImplementedError

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Return the ids of a chat that the assistant is to continue."""
        raise NotImplementedError
