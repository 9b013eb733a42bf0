"""What repeats: the word sequences that most texts share, and how texts begin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    Groups,
    IntArray,
    Tokenizer,
    encode,
    token_spans,
)
from harness.analysis.diversity.views import Views

N = 4
OPENING = 3
TOP = 10
CANDIDATES = 50  # looked at for each one listed: most overlap with a more frequent one
OVERLAP = 0.5
ABSENT = -1


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
    groups: Groups, n: int = N, top: int = TOP, *, tokenizer: Tokenizer = DEFAULT_TOKENIZER
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
    return repeats_in(Views(encode(groups, tokenizer)), n, top)


def repeats_in(views: Views, n: int = N, top: int = TOP) -> tuple[Repeat, ...]:
    """`most_repeated_ngrams` of texts that are encoded already."""
    return phrases_in(views.pooled, Scope.in_(views), n, top)


def phrases_in(corpus: Corpus, scope: Scope, n: int = N, top: int = TOP) -> tuple[Repeat, ...]:
    """`most_repeated_ngrams` of texts that are one set."""
    phrases = islice(most_frequent(corpus, n, top), max(0, top))
    return tuple(scope.repeat(*phrase, corpus) for phrase in phrases)


def openings(
    groups: Groups,
    words: int = OPENING,
    top: int = TOP,
    *,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
) -> tuple[Repeat, ...]:
    """The first words that most texts begin with, those of at least two texts.

    A shorter text is its own opening; one without tokens has none. ``groups`` as for
    `most_repeated_ngrams`.

    Raises:
        ValueError: words < 1, texts in place of lists of texts, or an unknown tokenizer.
    """
    checked(groups)
    return openings_in(Views(encode(groups, tokenizer)), words, top)


def openings_in(views: Views, words: int = OPENING, top: int = TOP) -> tuple[Repeat, ...]:
    """`openings` of texts that are encoded already."""
    if words < 1:
        raise ValueError(f"words is {words}; an opening has at least one")
    corpus, scope = views.corpus, Scope.in_(views)
    begun = np.flatnonzero(corpus.lengths)
    starts = (np.cumsum(corpus.lengths) - corpus.lengths)[begun, None] + np.arange(words)
    missing = np.arange(words) >= corpus.lengths[begun, None]
    tokens = np.where(missing, ABSENT, corpus.ids[np.minimum(starts, corpus.ids.size - 1)])
    _, first, kinds = np.unique(tokens, axis=0, return_index=True, return_inverse=True)
    kinds = kinds.reshape(-1)
    counts = np.bincount(kinds, minlength=first.size)
    order = np.lexsort((first, -counts))[: max(0, top)]
    return tuple(
        scope.counted(
            excerpt(corpus.texts[begun[first[kind]]], 0, words, corpus.tokenizer),
            begun[kinds == kind],
            int(counts[kind]),
        )
        for kind in order.tolist()
        if counts[kind] > 1
    )


def checked(groups: Groups) -> None:
    """Refuse a list of texts: each would count as a prompt with one-letter answers."""
    if isinstance(groups, str) or any(isinstance(group, str) for group in groups):
        raise ValueError("a text where a list of texts a prompt is meant; give [texts]")


@dataclass(frozen=True, slots=True)
class Scope:
    """All that shares are taken of: the prompt of each text (D,), and how many have texts.

    There are ``n_texts`` of them, of which those at hand may be some.
    """

    prompts: IntArray
    n_prompts: int
    n_texts: int

    @classmethod
    def in_(cls, views: Views) -> Scope:
        """All texts of a corpus."""
        prompts = views.corpus.prompts
        return cls(prompts, int((views.corpus.k > 0).sum()), prompts.size)

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
            share=texts.size / self.n_texts,
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
    table = corpus.table(n)
    ends = np.cumsum(table.totals)
    first = table.places[ends - table.totals] if table.size else ends
    ranks = np.lexsort((first, -table.totals, -table.texts_with))[:most].tolist()
    return [table.places[ends[g] - table.totals[g] : ends[g]].astype(np.int64) for g in ranks]


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
