"""What repeats: the word sequences that most texts share, and how texts begin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from harness.analysis.diversity.ngrams import count_table, ngrams, tokens_left
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    Groups,
    IntArray,
    Tokenizer,
    encode,
    integers,
    nfc,
    token_pattern,
    token_spans,
)

N = 4
OPENING = 3
TOP = 10
CANDIDATES = 50  # looked at for each one listed: most overlap with a more frequent one
OVERLAP = 0.5


@dataclass(frozen=True, slots=True)
class Repeat:
    """A sequence of tokens that texts have in common, and how many have it.

    ``text`` is as its first text writes it, ``count`` how often it stands anywhere,
    ``texts`` and ``prompts`` in how many of them, ``share`` and ``prompt_share`` over all
    texts and all prompts with texts; ``example`` is the index of its first text.
    """

    text: str
    count: int
    texts: int
    prompts: int
    share: float
    prompt_share: float
    example: int


def most_repeated_ngrams(
    groups: Groups, n: int = N, top: int = TOP, *, tokenizer: str = DEFAULT_TOKENIZER
) -> tuple[Repeat, ...]:
    """The n-grams that stand in most texts, the most frequent first; only repeated ones.

    ``groups`` holds one list of texts a prompt; for one list give ``[texts]``. An n-gram is
    widened to the whole phrase where it always stands in the same one, and left out where it
    mostly overlaps with one listed before it. Upper and lower case differ. Linear in the
    number of tokens.

    Raises:
        ValueError: n < 1, texts in place of lists of texts, or an unknown tokenizer.
    """
    checked(groups)
    corpus = encode([[text for group in groups for text in group]], tokenizer)
    scope = Scope.of(groups)
    phrases = islice(most_frequent(corpus, n, top), max(0, top))
    return tuple(scope.repeat(*phrase, corpus) for phrase in phrases)


def openings(
    groups: Groups, words: int = OPENING, top: int = TOP, *, tokenizer: str = DEFAULT_TOKENIZER
) -> tuple[Repeat, ...]:
    """The first words that most texts begin with, those of at least two texts.

    A shorter text is its own opening; one without tokens has none. ``groups`` as for
    `most_repeated_ngrams`.

    Raises:
        ValueError: words < 1, texts in place of lists of texts, or an unknown tokenizer.
    """
    if words < 1:
        raise ValueError(f"words is {words}; an opening has at least one")
    checked(groups)
    scope, pattern = Scope.of(groups), token_pattern(tokenizer)
    begun: dict[tuple[str, ...], list[int]] = {}
    for number, text in enumerate(text for group in groups for text in group):
        tokens = tuple(match.group() for match in islice(pattern.finditer(nfc(text)), words))
        if tokens:
            begun.setdefault(tokens, []).append(number)
    shared = (texts for texts in begun.values() if len(texts) > 1)
    most = sorted(shared, key=lambda texts: (-len(texts), texts[0]))[:top]
    flat = [text for group in groups for text in group]
    return tuple(
        scope.counted(
            excerpt(nfc(flat[texts[0]]), 0, words, tokenizer), integers(texts), len(texts)
        )
        for texts in most
    )


def checked(groups: Groups) -> None:
    """Refuse a list of texts: each would count as a prompt with one-letter answers."""
    if isinstance(groups, str) or any(isinstance(group, str) for group in groups):
        raise ValueError("a text where a list of texts a prompt is meant; give [texts]")


@dataclass(frozen=True, slots=True)
class Scope:
    """All that shares are taken of: the prompt of each text (D,), and how many have texts."""

    prompts: IntArray
    n_prompts: int

    @classmethod
    def of(cls, groups: Groups) -> Scope:
        """The texts of these prompts."""
        sizes = [len(group) for group in groups]
        return cls(np.repeat(np.arange(len(sizes)), sizes), sum(size > 0 for size in sizes))

    def repeat(self, starts: IntArray, width: int, corpus: Corpus) -> Repeat:
        """The sequence that stands at these places of the stream."""
        ends = np.cumsum(corpus.lengths)
        texts = np.searchsorted(ends, starts, side="right")
        first = int(texts[0])
        offset = int(starts[0] - (ends[first] - corpus.lengths[first]))
        shown = excerpt(corpus.texts[first], offset, width, corpus.tokenizer)
        return self.counted(shown, np.unique(texts), starts.size)

    def counted(self, text: str, texts: IntArray, count: int) -> Repeat:
        """A sequence with the texts that have it, in order."""
        prompts = int(np.unique(self.prompts[texts]).size)
        return Repeat(
            text=text,
            count=count,
            texts=int(texts.size),
            prompts=prompts,
            share=texts.size / self.prompts.size,
            prompt_share=prompts / self.n_prompts,
            example=int(texts[0]),
        )


def most_frequent(corpus: Corpus, n: int, top: int) -> Iterator[tuple[IntArray, int]]:
    """Where each repeated phrase starts in the stream (in order), and how many tokens it has."""
    covered = np.zeros(corpus.ids.size, dtype=bool)
    for starts in candidates(corpus, n, CANDIDATES * max(0, top)):
        if (covered[starts] | covered[starts + n - 1]).mean() > OVERLAP:
            continue
        first, width = widest(corpus, starts, n)
        covered[(first[:, None] + np.arange(width)).ravel()] = True
        yield first, width


def candidates(corpus: Corpus, n: int, most: int) -> list[IntArray]:
    """The places of each of the most repeated n-grams, those of most texts first."""
    grams = ngrams(corpus, n)
    counts = np.bincount(grams.ids, minlength=grams.size)
    often = np.flatnonzero(counts[grams.ids] > 1)
    if not often.size:
        return []
    starts = np.flatnonzero(tokens_left(corpus.lengths) >= n)[often]
    ids, documents = grams.ids[often], grams.documents[often]
    table = count_table(documents, ids, max(1, len(corpus.texts)))
    texts = np.bincount(table.grams, minlength=grams.size)
    ranks = ranked(ids, texts, counts, most)
    place = ranks[ids]
    listed = np.flatnonzero(place >= 0)
    listed = listed[np.argsort(place[listed], kind="stable")]
    return np.split(starts[listed], np.flatnonzero(np.diff(place[listed])) + 1)


def ranked(ids: IntArray, texts: IntArray, counts: IntArray, most: int) -> IntArray:
    """The rank of each gram, -1 beyond the first ``most``; ties as they come in the texts."""
    grams, first = np.unique(ids, return_index=True)
    order = np.lexsort((first, -counts[grams], -texts[grams]))[:most]
    ranks = np.full(texts.size, -1)
    ranks[grams[order]] = np.arange(order.size)
    return ranks


def widest(corpus: Corpus, starts: IntArray, width: int) -> tuple[IntArray, int]:
    """The phrase around a gram that goes on alike wherever the gram stands."""
    ends = np.cumsum(corpus.lengths)
    texts = np.searchsorted(ends, starts, side="right")
    ends, begins = ends[texts], (ends - corpus.lengths)[texts]
    while (starts + width < ends).all() and alike(corpus.ids[starts + width]):
        width += 1
    while (starts > begins).all() and alike(corpus.ids[starts - 1]):
        starts, width = starts - 1, width + 1
    return starts, width


def alike(ids: IntArray) -> bool:
    """All are the same token."""
    return bool((ids == ids[0]).all())


def excerpt(text: str, start: int, width: int, tokenizer: Tokenizer) -> str:
    """The part of a normalised text from a token on, so many tokens wide at most."""
    spans = token_spans(text, tokenizer)[start : start + width]
    return text[spans[0][0] : spans[-1][1]]
