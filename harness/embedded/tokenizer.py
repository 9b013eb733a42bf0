"""Text to token ids and back: words that carry their leading space, and bytes for the rest.

Ids run: the special tokens, the 256 bytes, the words. A text is encoded as if a space stood
before it, so that a word is the same token at the start of a message and inside it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from harness.records import Message

PADDING, END, SYSTEM, USER, ASSISTANT = range(5)
ROLES = {"system": SYSTEM, "user": USER, "assistant": ASSISTANT}
FIRST_BYTE = 5
FIRST_WORD = FIRST_BYTE + 256
PIECE = re.compile(r" ?[A-Za-z0-9]+| ?[^A-Za-z0-9\s]+|\s")


class Tokenizer:
    """Encodes any text; what no word covers becomes bytes, so every text comes back as it was."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._ids = {word: FIRST_WORD + place for place, word in enumerate(self.words)}
        self._bytes = (
            *(b"" for _ in range(FIRST_BYTE)),
            *(bytes([value]) for value in range(256)),
            *(word.encode() for word in self.words),
        )

    @classmethod
    def of_texts(cls, texts: Iterable[str], least: int) -> Tokenizer:
        """Return a tokenizer for the pieces that occur at least so often, commonest first."""
        counts = Counter(piece for text in texts for piece in _pieces(text))
        return cls([piece for piece, count in counts.most_common() if count >= least])

    @property
    def size(self) -> int:
        """How many ids there are."""
        return len(self._bytes)

    @property
    def end(self) -> int:
        """The id that closes every message; a model that emits it has finished."""
        return END

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text; they can never be special ones, whatever the text says."""
        ids: list[int] = []
        for piece in _pieces(text):
            word = self._ids.get(piece)
            ids += [word] if word is not None else _byte_ids(piece)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids; broken UTF-8 becomes replacement characters."""
        raw = b"".join(map(self.token_bytes, ids))
        return raw.decode(errors="replace").removeprefix(" ")

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes of one id as they stand in a text: empty for <end> and the roles.

        A first word carries a leading space that ``decode`` takes off.
        """
        return self._bytes[token]

    def chat(self, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
        """Return the ids of a whole chat, and 1 for every id that the assistant must produce.

        An assistant's message of weight 0 is context only, as in the hosted API's files.
        """
        ids: list[int] = []
        scored: list[int] = []
        for message in messages:
            role = ROLES.get(str(message.get("role")), SYSTEM)
            body = [*self.encode(_text(message.get("content"))), END]
            learn = int(role == ASSISTANT and message.get("weight", 1) != 0)
            ids += [role, *body]
            scored += [0, *[learn] * len(body)]
        return ids, scored

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Return the ids of a chat that the assistant is to continue."""
        return [*self.chat(messages)[0], ASSISTANT]


def _pieces(text: str) -> list[str]:
    """Words, runs of punctuation (each with at most one space before it) and single blanks."""
    return PIECE.findall(" " + text) if text else []


def _byte_ids(piece: str) -> list[int]:
    """Half of a surrogate pair, which JSON can carry and UTF-8 cannot, becomes '?'."""
    return [FIRST_BYTE + value for value in piece.encode(errors="replace")]


def _text(content: object) -> str:
    """A message's text: a string, or the text parts of a list; images and the like say nothing."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    parts = (part for part in content if isinstance(part, Mapping))
    return "".join(text for part in parts if isinstance(text := part.get("text"), str))
