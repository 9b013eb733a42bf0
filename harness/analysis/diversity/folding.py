"""Texts cut without regard to case: token by token where that is the same, and so without cutting
anew."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from harness.analysis.diversity.tokens import Cut, Tokenizer, Vocabulary, cut_all, folded, nfc


def cut_folded(texts: Sequence[str], tokenizer: Tokenizer) -> Cut:
    """The case-folded texts cut.

    Raises:
        ValueError: an unknown tokenizer's name.
    """
    if not isinstance(tokenizer, str):
        return cut_all(list(map(folded, texts)), tokenizer)
    composed = list(map(nfc, texts))
    return refolded(cut_all(composed, tokenizer), composed, tokenizer)


def refolded(cut: Cut, texts: Sequence[str], tokenizer: Tokenizer) -> Cut:
    """What `cut_folded` gives for texts that are cut already."""
    tokens = cut.vocabulary.tokens()
    if not isinstance(tokenizer, str) or not all(map(folds_alone, tokens)):
        return cut_all(list(map(folded, texts)), tokenizer)
    numbers: dict[str, int] = {}
    ids = [numbers.setdefault(token.casefold(), len(numbers)) for token in tokens]
    vocabulary = Vocabulary(np.zeros(0, np.uint64), tuple(numbers))
    return Cut(np.array(ids, dtype=np.int64)[cut.ids], cut.lengths, vocabulary)


def folds_alone(token: str) -> bool:
    """Whether a token becomes one token again, whatever stands beside it.

    Letters that become several, or that combine with their neighbours, may not.
    """
    if token.isascii():
        return True
    lower = token.casefold()
    return (
        len(lower) == len(token)
        and unicodedata.is_normalized("NFC", lower)
        and not any(map(unicodedata.combining, token + lower))
        and all(map(same_class, token, lower))
    )


def same_class(character: str, lower: str) -> bool:
    """A letter and its lower case are cut alike."""
    return character == lower or (character.isalpha() and lower.isalpha())
