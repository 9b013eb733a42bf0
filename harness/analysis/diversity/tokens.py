"""Texts cut into tokens and encoded once as integers, prompt by prompt."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, count

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Groups = Sequence[Sequence[str]]
"""The generations of each prompt: one list of texts per prompt."""

# Scripts written without spaces between words: one token per character, or each sentence
# would be one token and everything would look distinct.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9d"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
PUNCTUATION = (
    r"!-/:-@\[-\^`{-~\u00a1-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf"
    r"\u060c\u061b\u061f\u0964\u0965\u2000-\u200b\u200e-\u206f\u20a0-\u20cf\u2190-\u2bff"
    r"\u3000-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
    "\U0001f000-\U0001faff"  # emoji
)
SINGLE = UNSPACED + PUNCTUATION
PATTERNS = {
    "words": re.compile(rf"[^\s{SINGLE}]+(?:['\u2019][^\s{SINGLE}]+)*|[{SINGLE}]"),
    "whitespace": re.compile(r"\S+"),
    "characters": re.compile(r"\S"),
}
DEFAULT_TOKENIZER = "words"


@dataclass(frozen=True, slots=True)
class Corpus:
    """D texts of P prompts as one stream of T token ids, text after text, prompt after prompt.

    ``texts`` are NFC; ``prompts`` (D,) is each text's prompt in 0..P-1; ``ids`` (T,) are token
    ids below ``size``, equal for equal tokens of one prompt and different between prompts, so
    that all prompts are counted in one pass; ``lengths`` (D,) are the texts' token counts.
    """

    texts: tuple[str, ...]
    prompts: IntArray
    ids: IntArray
    lengths: IntArray
    n_prompts: int
    size: int
    tokenizer: str

    @property
    def k(self) -> IntArray:
        """The number of texts of each prompt, (P,)."""
        return np.bincount(self.prompts, minlength=self.n_prompts)

    def documents(self) -> list[IntArray]:
        """The token ids of each text."""
        return np.split(self.ids, np.cumsum(self.lengths)[:-1]) if self.texts else []

    def prompt_slices(self) -> list[slice]:
        """The texts of each prompt, as a slice of D."""
        ends = np.cumsum(self.k)
        return [slice(int(end - k), int(end)) for end, k in zip(ends, self.k, strict=True)]


def encode(groups: Groups, tokenizer: str = DEFAULT_TOKENIZER) -> Corpus:
    """Normalise (NFC), cut and encode the texts of all prompts.

    Raises:
        ValueError: an unknown tokenizer's name.
    """
    texts = [[nfc(text) for text in group] for group in groups]
    cut = cutter(tokenizer)
    tokens = [[cut(text) for text in group] for group in texts]
    ids = numbers(tokens)
    return Corpus(
        texts=tuple(chain.from_iterable(texts)),
        prompts=np.repeat(np.arange(len(texts)), [len(group) for group in texts]),
        ids=ids,
        lengths=integers(map(len, chain.from_iterable(tokens))),
        n_prompts=len(texts),
        size=int(ids.max(initial=0)) + 1,
        tokenizer=tokenizer,
    )


def numbers(tokens: Sequence[Sequence[Sequence[str]]]) -> IntArray:
    """Every token's id: the next free number for one that is new to its prompt."""
    vocabulary: defaultdict[str, int] = defaultdict(count().__next__)
    ids = [integers([])]
    for group in tokens:
        vocabulary.clear()
        ids.append(integers(map(vocabulary.__getitem__, chain.from_iterable(group))))
    return np.concatenate(ids)


def tokenize(text: str, tokenizer: str = DEFAULT_TOKENIZER) -> list[str]:
    """The tokens of one text after NFC normalisation."""
    return cutter(tokenizer)(nfc(text))


def cutter(tokenizer: str) -> Callable[[str], list[str]]:
    """The function that cuts a normalised text into tokens."""
    # The same tokens as its pattern's, three times as fast.
    return str.split if tokenizer == "whitespace" else token_pattern(tokenizer).findall


def token_pattern(tokenizer: str) -> re.Pattern[str]:
    """The pattern that matches one token."""
    if tokenizer not in PATTERNS:
        near = difflib.get_close_matches(tokenizer, PATTERNS) or sorted(PATTERNS)
        raise ValueError(f"unknown tokenizer {tokenizer!r}; use {' or '.join(near)}")
    return PATTERNS[tokenizer]


def nfc(text: str) -> str:
    """The text in Unicode's composed form."""
    return unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    """The text as it counts for equality: NFC, case-folded, runs of whitespace as one space."""
    return " ".join(nfc(nfc(text).casefold()).split())


def integers(values: Iterable[int]) -> IntArray:
    """The values as an array."""
    return np.fromiter(values, dtype=np.int64)
