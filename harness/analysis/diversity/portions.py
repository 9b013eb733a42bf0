"""Large sets of texts in portions: what is measured of each, and how portions come together.

A portion holds whole prompts. Metrics per prompt are those of `profile`; what repeats is counted
by 64-bit keys, which only say where to look: the texts that are listed are counted themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from harness.analysis.diversity.metrics import measure_named
from harness.analysis.diversity.ngrams import group_starts, text_of_token, tokens_left
from harness.analysis.diversity.repeats import (
    CANDIDATES,
    OPENING,
    Repeat,
    Scope,
    excerpt,
    phrases_in,
)
from harness.analysis.diversity.setvalues import SetValue, Shape, set_values
from harness.analysis.diversity.tokens import (
    SURROGATES,
    Corpus,
    FloatArray,
    Groups,
    IntArray,
    encode,
    folded,
    nfc,
)
from harness.analysis.diversity.views import Views

Keys = npt.NDArray[np.uint64]
Int32Array = npt.NDArray[np.int32]

RANGES = 16  # of keys, brought together one after the other, to bound memory
MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Tally:
    """What occurs in a portion: sorted keys (N,), how often, in how many holders, and where first.

    Holders are the texts of a phrase, and the prompts of a text. ``first`` is a text's number.
    """

    keys: Keys
    counts: Int32Array
    holders: Int32Array
    first: Int32Array

    @classmethod
    def of(cls, keys: Keys, texts: IntArray, holders: IntArray) -> Tally:
        """Count keys (M,) that stand in these texts, in order of the holders (M,)."""
        order = np.argsort(keys, kind="stable")
        keys, holders = keys[order], holders[order]
        starts = group_starts(keys.view(np.int64))
        new = np.ones(keys.size, dtype=bool)
        new[1:] = (keys[1:] != keys[:-1]) | (holders[1:] != holders[:-1])
        return cls(
            keys[starts],
            np.diff(starts, append=keys.size).astype(np.int32),
            np.add.reduceat(new, starts, dtype=np.int32) if starts.size else starts.astype("i4"),
            texts[order][starts].astype(np.int32),
        )

    def moved(self, by: int) -> Tally:
        """The same with the texts numbered from ``by``."""
        return replace(self, first=self.first + np.int32(by))

    def between(self, low: int, high: int) -> Tally:
        """The part with keys whose first bits, as a number below RANGES, are in a range."""
        width = (1 << 64) // RANGES
        bounds = np.array([low * width, min(high * width, (1 << 64) - 1)], dtype=np.uint64)
        start, end = np.searchsorted(self.keys, bounds).tolist()
        end = self.keys.size if high == RANGES else end
        part = slice(start, end)
        return Tally(self.keys[part], self.counts[part], self.holders[part], self.first[part])

    def at(self, places: IntArray) -> Tally:
        """Some of it."""
        return Tally(
            self.keys[places], self.counts[places], self.holders[places], self.first[places]
        )


Rank = Callable[[Tally], tuple[npt.NDArray[np.integer], ...]]
"""What makes one come before another, least first."""


def by_texts(tally: Tally) -> tuple[npt.NDArray[np.integer], ...]:
    """Phrases of most texts first."""
    return -tally.holders, -tally.counts, tally.first


def by_count(tally: Tally) -> tuple[npt.NDArray[np.integer], ...]:
    """What occurs most often first."""
    return -tally.counts, tally.first


def leaders(tallies: Sequence[Tally], most: int, rank: Rank) -> Tally:
    """The first ``most`` that occur more than once in all portions, and those level with the last.

    The portions' tallies are given in the order of their texts.
    """
    found = [leading(merged(part), most, rank) for part in in_ranges(tallies)]
    whole = Tally(
        *(
            np.concatenate([getattr(one, name) for one in found])
            for name in ("keys", "counts", "holders", "first")
        )
    )
    return leading(whole, most, rank)


def in_ranges(tallies: Sequence[Tally]) -> Iterator[list[Tally]]:
    """The tallies range of keys by range of keys."""
    for low in range(RANGES):
        yield [one.between(low, low + 1) for one in tallies]


def merged(tallies: Sequence[Tally]) -> Tally:
    """One tally of several, of portions in order."""
    keys = np.concatenate([one.keys for one in tallies])
    order = np.argsort(keys, kind="stable")
    starts = group_starts(keys[order].view(np.int64))
    if not starts.size:
        return tallies[0]
    counts = np.concatenate([one.counts for one in tallies])[order]
    holders = np.concatenate([one.holders for one in tallies])[order]
    first = np.concatenate([one.first for one in tallies])[order]
    return Tally(
        keys[order][starts],
        np.add.reduceat(counts, starts),
        np.add.reduceat(holders, starts),
        first[starts],
    )


def leading(tally: Tally, most: int, rank: Rank) -> Tally:
    """The first of one tally, and those level with the last of them."""
    repeated = tally.at(np.flatnonzero(tally.counts > 1))
    if most < 1 or not repeated.keys.size:
        return repeated.at(np.zeros(0, dtype=np.int64))
    keys = rank(repeated)
    order = np.lexsort(keys[::-1])
    last = order[min(most, order.size) - 1]
    level = np.ones(order.size, dtype=bool)
    for values in keys:
        level &= values[order] == values[last]
    level[:most] = True
    return repeated.at(order[level])


# --- keys ----------------------------------------------------------------------------


def mixed(keys: Keys) -> Keys:
    """The keys spread over all 64 bits (the end of splitmix64)."""
    keys = (keys ^ (keys >> np.uint64(30))) * MULTIPLIERS[0]
    keys = (keys ^ (keys >> np.uint64(27))) * MULTIPLIERS[1]
    return keys ^ (keys >> np.uint64(31))


def digest(data: bytes) -> int:
    """64 bits of a hash."""
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


def token_keys(corpus: Corpus) -> Keys:
    """A key for each token of the vocabulary, the same in every portion, (V,)."""
    long = [digest(token.encode("utf-8", SURROGATES)) for token in corpus.vocabulary.long]
    return np.concatenate([mixed(corpus.vocabulary.short + ODD), np.array(long, dtype=np.uint64)])


def gram_keys(corpus: Corpus, n: int) -> tuple[Keys, IntArray]:
    """The key of every n-gram of the stream and the text that it stands in, in order, (M,) each."""
    starts = np.flatnonzero(tokens_left(corpus.lengths) >= n)
    tokens = token_keys(corpus)[corpus.ids] if corpus.ids.size else np.zeros(0, np.uint64)
    keys = np.zeros(starts.size, dtype=np.uint64)
    for place in range(n):
        keys = mixed(keys * ODD + tokens[starts + place])
    return keys, text_of_token(corpus.lengths)[starts]


def opening_keys(corpus: Corpus, words: int) -> tuple[Keys, IntArray]:
    """The key of the first words of each text that has tokens, and those texts' numbers."""
    begun = np.flatnonzero(corpus.lengths)
    firsts = (np.cumsum(corpus.lengths) - corpus.lengths)[begun]
    tokens = token_keys(corpus)[corpus.ids] if corpus.ids.size else np.zeros(0, np.uint64)
    keys = np.zeros(begun.size, dtype=np.uint64)
    for place in range(words):
        there = place < corpus.lengths[begun]
        token = tokens[np.where(there, firsts + place, firsts)]
        keys = mixed(keys * ODD + np.where(there, token, np.uint64(0)))
    return keys, begun


def answer_keys(texts: Sequence[str]) -> Keys:
    """The key of each text, case and white space aside."""
    found = (digest(folded(text).encode("utf-8", SURROGATES)) for text in texts)
    return np.fromiter(found, dtype=np.uint64, count=len(texts))


# --- one portion ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to measure: metrics per prompt and of sets by name, and the n of listed phrases."""

    per_prompt: tuple[str, ...]
    across: tuple[str, ...]
    tokenizer: str
    n: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What one portion says: values by prompt, lengths of texts, and what occurs how often."""

    values: Mapping[str, FloatArray]
    lengths: Int32Array
    phrases: Tally
    openings: Tally
    answers: Tally


def measured(groups: Groups, wanted: Wanted) -> Measured:
    """Measure one portion of prompts.

    Raises:
        ValueError: an unknown tokenizer, or n < 1.
    """
    if wanted.n < 1:
        raise ValueError(f"n is {wanted.n}; an n-gram has at least one token")
    corpus = encode(groups, wanted.tokenizer)
    values = {name: measure_named(name).values(corpus) for name in wanted.per_prompt}
    corpus.forget_tables()
    grams, texts = gram_keys(corpus, wanted.n)
    begins, begun = opening_keys(corpus, OPENING)
    every = np.arange(len(corpus.texts))
    answers = answer_keys([text for group in groups for text in group])
    return Measured(
        values,
        corpus.lengths.astype(np.int32),
        phrases=Tally.of(grams, texts, texts),
        openings=Tally.of(begins, begun, corpus.prompts[begun]),
        answers=Tally.of(answers, every, corpus.prompts),
    )


def measured_set(texts: Sequence[str], wanted: Wanted, *, closed_form: bool) -> list[SetValue]:
    """The metrics of one set of one answer a prompt, in the order that they are wanted.

    ``closed_form`` says whether the largest of the sets is small enough for one.
    """
    views = Views(encode([[text] for text in texts], wanted.tokenizer))
    found = []
    for name in wanted.across:
        measure = measure_named(name)
        if closed_form == Shape(views.corpus.k).has_closed_form:
            found += set_values(name, measure, views)
        else:  # a small set among large ones
            found.append(SetValue(float(measure.values(views.pooled)[0])))
    return found


def holding(groups: Groups, keys: Keys, wanted: Wanted) -> IntArray:
    """The texts, numbered in order, that hold a phrase with one of these keys."""
    grams, texts = gram_keys(encode(groups, wanted.tokenizer), wanted.n)
    return np.unique(texts[np.isin(grams, keys)])


# --- all portions --------------------------------------------------------------------


def phrase_leaders(tallies: Sequence[Tally], top: int) -> Keys:
    """The keys of the phrases among which the listed ones are."""
    return leaders(tallies, CANDIDATES * max(0, top), by_texts).keys


def phrases_among(
    texts: Sequence[str], numbers: IntArray, scope: Scope, wanted: Wanted, top: int
) -> tuple[Repeat, ...]:
    """What repeats most in the texts of a scope, given those that hold the leaders.

    ``numbers`` are the texts' own numbers, for the examples.
    """
    corpus = encode([texts], wanted.tokenizer)
    found = phrases_in(corpus, scope, wanted.n, top)
    return tuple(replace(one, example=int(numbers[one.example])) for one in found)


def opening_of(tally: Tally, place: int, text: str, shape: Shape, tokenizer: str) -> Repeat:
    """One opening as it is listed, given the first text that begins so."""
    count, prompts = int(tally.counts[place]), int(tally.holders[place])
    return Repeat(
        text=excerpt(nfc(text), 0, OPENING, tokenizer),
        count=count,
        texts=count,
        prompts=prompts,
        share=count / shape.texts,
        prompt_share=prompts / shape.k.size,
        example=int(tally.first[place]),
    )
