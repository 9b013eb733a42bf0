"""Texts cut into tokens and encoded once as integers, prompt by prompt."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import count

import numpy as np
import numpy.typing as npt

from harness.analysis.diversity.cutting import JOINT, SINGLE, SPACE, WORD, Keys, Scanner
from harness.analysis.diversity.gramtable import (
    GramTable,
    Stream,
    longer_table,
    token_table,
)

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Groups = Sequence[Sequence[str]]
"""The generations of each prompt: one list of texts per prompt."""
Tokenizer = str | Callable[[str], Sequence[str]]
"""A tokenizer's name, or a function from an NFC text to its tokens."""

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
STANDING_ALONE = UNSPACED + PUNCTUATION
PATTERNS = {
    "words": re.compile(
        rf"[^\s{STANDING_ALONE}]+(?:['\u2019][^\s{STANDING_ALONE}]+)*|(?!\s)[{STANDING_ALONE}]"
    ),
    "whitespace": re.compile(r"\S+"),
    "characters": re.compile(r"\S"),
}
DEFAULT_TOKENIZER = "words"
SURROGATES = "surrogatepass"


@dataclass(frozen=True, slots=True)
class Corpus:
    """D texts of P prompts as one stream of T token ids, text after text, prompt after prompt.

    ``texts`` are NFC; ``prompts`` (D,) is each text's prompt in 0..P-1; ``ids`` (T,) are token
    ids below ``size``, equal for equal tokens, which ``vocabulary`` tells; ``lengths`` (D,) are
    the texts' token counts.
    Tables of n-grams are made once, when first asked for: all metrics share them.
    """

    texts: tuple[str, ...]
    prompts: IntArray
    ids: IntArray
    lengths: IntArray
    n_prompts: int
    size: int
    tokenizer: Tokenizer
    vocabulary: Vocabulary
    _tables: list[GramTable] = field(default_factory=list, repr=False, compare=False)

    @property
    def k(self) -> IntArray:
        """The number of texts of each prompt, (P,)."""
        return np.bincount(self.prompts, minlength=self.n_prompts)

    @property
    def tokenizer_name(self) -> str:
        """The tokenizer as results name it."""
        return tokenizer_name(self.tokenizer)

    def table(self, n: int) -> GramTable:
        """The repeated n-grams of each prompt.

        Raises:
            ValueError: n < 1.
        """
        if n < 1:
            raise ValueError(f"n is {n}; an n-gram has at least one token")
        if n > len(self._tables):
            self._grow(n)
        return self._tables[n - 1]

    def forget_tables(self) -> None:
        """Give their memory back; a table that is asked for again is made anew."""
        self._tables.clear()

    def _grow(self, n: int) -> None:
        stream = Stream.of(self.lengths)
        if not self._tables:
            ids, prompts = self.ids.astype(np.int32), self.prompts.astype(np.int32)
            self._tables.append(token_table(ids, self.size, prompts, stream))
        while len(self._tables) < n:
            self._tables.append(longer_table(self._tables[-1], stream))

    def gram_counts(self, n: int) -> IntArray:
        """How many n-grams each text has, (D,)."""
        return np.maximum(0, self.lengths - (n - 1))

    def prompt_sums(self, values: npt.ArrayLike) -> FloatArray:
        """The sum over each prompt's texts of one value a text (D,), (P,)."""
        sums = np.bincount(self.prompts, np.asarray(values), self.n_prompts)
        return sums.astype(np.float64)

    def documents(self) -> list[IntArray]:
        """The token ids of each text."""
        return np.split(self.ids, np.cumsum(self.lengths)[:-1]) if self.texts else []

    def prompt_slices(self) -> list[slice]:
        """The texts of each prompt, as a slice of D."""
        ends = np.cumsum(self.k)
        return [slice(int(end - k), int(end)) for end, k in zip(ends, self.k, strict=True)]


def encode(groups: Groups, tokenizer: Tokenizer = DEFAULT_TOKENIZER) -> Corpus:
    """Normalise (NFC), cut and encode the texts of all prompts.

    Raises:
        ValueError: an unknown tokenizer's name.
    """
    texts = tuple(nfc(text) for group in groups for text in group)
    cut = cut_all(texts, tokenizer)
    return Corpus(
        texts=texts,
        prompts=np.repeat(np.arange(len(groups)), [len(group) for group in groups]),
        ids=cut.ids,
        lengths=cut.lengths,
        n_prompts=len(groups),
        size=cut.vocabulary.size,
        tokenizer=tokenizer,
        vocabulary=cut.vocabulary,
    )


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens by id: short ones as their bytes in one integer (V,), then the long ones."""

    short: Keys
    long: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many ids there are; at least 1."""
        return max(1, self.short.size + len(self.long))

    def tokens(self) -> list[str]:
        """Every token as a text."""
        width = self.short.itemsize
        data = self.short.astype("<u8").tobytes()
        parts = (data[start : start + width] for start in range(0, len(data), width))
        return [*(part.rstrip(b"\0").decode("utf-8", SURROGATES) for part in parts), *self.long]


@dataclass(frozen=True, slots=True)
class Cut:
    """Texts as T token ids, one text after the other, the texts' token counts, and the tokens."""

    ids: IntArray
    lengths: IntArray
    vocabulary: Vocabulary


def cut_all(texts: Sequence[str], tokenizer: Tokenizer) -> Cut:
    """All normalised texts cut, equal tokens under equal ids.

    Raises:
        ValueError: an unknown tokenizer's name.
    """
    return scanned(texts, tokenizer) if isinstance(tokenizer, str) else called(texts, tokenizer)


def scanned(texts: Sequence[str], tokenizer: str) -> Cut:
    """The texts cut by the class of each character.

    Ids are in the order of the tokens' bytes: what is summed up gram by gram is then the same to
    the last bit, whichever other texts are encoded with these.
    """
    import pandas as pd

    scanner = Scanner(classifier(tokenizer))
    keys, long, lengths = scanner.scan(texts)
    codes, short = pd.factorize(keys[~long] if long.any() else keys, sort=True)
    ids = codes.astype(np.int64, copy=False)
    named = sorted(scanner.numbers)
    if long.any():
        ranks = {token: rank for rank, token in enumerate(named)}
        order = integers(map(ranks.__getitem__, scanner.numbers))
        ids = np.empty(keys.size, dtype=np.int64)
        ids[~long] = codes
        ids[long] = order[keys[long].astype(np.int64)] + short.size
    tokens = tuple(token.decode("utf-8", SURROGATES) for token in named)
    return Cut(ids, lengths, Vocabulary(short, tokens))


def called(texts: Sequence[str], tokenizer: Callable[[str], Sequence[str]]) -> Cut:
    """The texts cut by a function."""
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    parts = [integers(map(numbers.__getitem__, tokenizer(text))) for text in texts]
    ids = np.concatenate([integers([]), *parts])
    vocabulary = Vocabulary(np.zeros(0, np.uint64), tuple(numbers))
    return Cut(ids, integers(part.size for part in parts), vocabulary)


def tokenize(text: str, tokenizer: Tokenizer = DEFAULT_TOKENIZER) -> Sequence[str]:
    """The tokens of one text after NFC normalisation."""
    return cutter(tokenizer)(nfc(text))


def cutter(tokenizer: Tokenizer) -> Callable[[str], Sequence[str]]:
    """The function that cuts a normalised text into tokens."""
    if not isinstance(tokenizer, str):
        return tokenizer
    # The same tokens as its pattern's, three times as fast.
    return str.split if tokenizer == "whitespace" else token_pattern(tokenizer).findall


def token_spans(text: str, tokenizer: Tokenizer = DEFAULT_TOKENIZER) -> list[tuple[int, int]]:
    """Where each token of a normalised text starts and ends.

    Raises:
        ValueError: an unknown name, or a function whose tokens are no parts of the text in order.
    """
    if isinstance(tokenizer, str):
        return [match.span() for match in token_pattern(tokenizer).finditer(text)]
    spans, end = [], 0
    for token in tokenizer(text):
        start = text.find(token, end)
        if start < 0:
            raise ValueError(
                f"tokenizer {tokenizer_name(tokenizer)} gave {token!r}, which is not in the text "
                f"after character {end}; return parts of the text, in order, so it can be cut"
            )
        end = start + len(token)
        spans.append((start, end))
    return spans


def tokenizer_name(tokenizer: Tokenizer) -> str:
    """The name of a tokenizer, or of its function."""
    if isinstance(tokenizer, str):
        return tokenizer
    return getattr(tokenizer, "__qualname__", type(tokenizer).__qualname__)


def token_pattern(tokenizer: str) -> re.Pattern[str]:
    """The pattern that matches one token."""
    if tokenizer not in PATTERNS:
        near = difflib.get_close_matches(tokenizer, PATTERNS) or sorted(PATTERNS)
        raise ValueError(f"unknown tokenizer {tokenizer!r}; use {' or '.join(near)}")
    return PATTERNS[tokenizer]


@lru_cache
def classifier(tokenizer: str) -> Callable[[str], int]:
    """What each character is to this tokenizer, as its pattern has it."""
    token_pattern(tokenizer)
    alone = re.compile(f"[{STANDING_ALONE}]")

    @cache
    def classify(character: str) -> int:
        if character.isspace():
            return SPACE
        if tokenizer != "words":
            return WORD if tokenizer == "whitespace" else SINGLE
        if character in "'\u2019":
            return JOINT
        return SINGLE if alone.match(character) else WORD

    return classify


def nfc(text: str) -> str:
    """The text in Unicode's composed form."""
    return unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    """The text as it counts for equality: NFC, case-folded, runs of whitespace as one space."""
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(nfc(nfc(text).casefold()).split())


def integers(values: Iterable[int]) -> IntArray:
    """The values as an array."""
    return np.fromiter(values, dtype=np.int64)
