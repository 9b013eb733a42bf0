"""Where copied generations come from: the training item with the longest shared run of each.

The longest runs are read off one sorted order of all suffixes (Manber, Myers 1990): next to a
suffix of a generation stands that of a training item which has most in common with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.diversity.copying import (
    RUN,
    RunIndex,
    Tokens,
    chunks,
    numbered_tokens,
    stream,
    whole_sources,
    written,
)
from harness.analysis.diversity.gramtable import numbered
from harness.analysis.diversity.ngrams import text_of_token, tokens_left
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    IntArray,
    Tokenizer,
    cutter,
    folded,
    integers,
    nfc,
    token_spans,
)


@dataclass(frozen=True, slots=True)
class Copied:
    """A generation that copies: its index, the training item's, and what they share.

    ``run`` is the longest shared run of tokens as the generation writes it, ``tokens`` its
    length.
    """

    text: int
    training: int
    run: str
    tokens: int


def nearest_training(
    texts: Sequence[str],
    training: Sequence[str],
    run: int = RUN,
    *,
    prompts: Sequence[str] | None = None,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
) -> tuple[Copied, ...]:
    """For each text that copies, the training item with which it shares the longest run.

    The copied texts are those of `copy_rate`, which also says what ``prompts`` (one a text)
    excuse. Case and whitespace aside. Linear in the number of tokens, but for sorting those
    that belong to a copy.

    Raises:
        ValueError: run < 1, or not one prompt a text.
    """
    if prompts is not None and len(prompts) != len(texts):
        raise ValueError(f"{len(prompts)} prompts for {len(texts)} texts; give one a text")
    generated, asked, learned = numbered_tokens(texts, prompts, training, tokenizer)
    found = by_run(generated, learned, run, asked)
    for text, item in enumerate(whole_sources(generated, learned, run, asked).tolist()):
        if item < len(learned):
            found.setdefault(text, (item, 0, len(generated[text])))
    return tuple(
        Copied(text, item, quoted(texts[text], start, length, tokenizer), length)
        for text, (item, start, length) in sorted(found.items())
    )


Source = tuple[int, int, int]
"""A training item, and where in the generation the shared run starts and how long it is."""


def by_run(
    texts: Sequence[Tokens], training: Sequence[Tokens], run: int, prompts: Sequence[Tokens] | None
) -> dict[int, Source]:
    """The source of each text that shares a run with a training item, and not with its prompt."""
    index = RunIndex.of(texts, run)
    known, holders = np.zeros(index.size, dtype=bool), []
    for start, chunk in chunks(training):
        documents, grams = index.find(chunk)
        known[grams] = True
        holders.append(np.unique(documents) + start)
    copies = known[index.grams]
    if prompts is not None:
        copies &= ~index.in_own(prompts)
    copied = np.unique(index.documents[copies]).tolist()
    if not copied:
        return {}
    items = np.concatenate(holders).tolist()
    matches = LongestMatches.of([texts[i] for i in copied], [training[i] for i in items])
    sources = {}
    for place, text in enumerate(copied):
        own = None if prompts is None else prompts[text]
        item, start, length = matches.longest(place, texts[text], own)
        sources[text] = (items[item], start, length)
    return sources


@dataclass(frozen=True, slots=True)
class LongestMatches:
    """At each token of some texts, the longest run from there that an item has, and that item."""

    ends: IntArray
    lengths: IntArray
    items: IntArray

    @classmethod
    def of(cls, texts: Sequence[Tokens], items: Sequence[Tokens]) -> LongestMatches:
        """Match every suffix of the texts with those of the items."""
        suffixes = Suffixes.of([*texts, *items], max(map(len, texts)))
        own = sum(map(len, texts))
        before, after = suffixes.neighbours(own)
        at = np.arange(own)
        back, ahead = suffixes.common(at, before), suffixes.common(at, after)
        partners = np.where(ahead >= back, after, before)
        return cls(
            np.cumsum(integers(map(len, texts))),
            np.maximum(back, ahead),
            suffixes.documents[partners] - len(texts),
        )

    def longest(self, place: int, tokens: Tokens, prompt: Tokens | None) -> Source:
        """The longest run of a text that its prompt does not hold whole."""
        end = int(self.ends[place])
        lengths = self.lengths[end - len(tokens) : end]
        given = "" if prompt is None else f" {written(prompt)} "
        order = np.argsort(-lengths, kind="stable").tolist()
        start = next(
            (at for at in order if f" {written(tokens[at : at + lengths[at]])} " not in given),
            order[0],
        )
        return int(self.items[end - len(tokens) + start]), start, int(lengths[start])


@dataclass(frozen=True, slots=True)
class Suffixes:
    """The suffixes of some texts, as one stream of T tokens, in order.

    ``ranks`` holds for the widths 1, 2, 4, ... an array (T,) that orders the grams of this
    width, the end of a text before every token. ``left`` counts each token's successors in
    its text, itself included.
    """

    ranks: tuple[IntArray, ...]
    left: IntArray
    documents: IntArray

    @classmethod
    def of(cls, texts: Sequence[Tokens], longest: int) -> Suffixes:
        """Order the suffixes by their first ``longest`` tokens at least."""
        ids, lengths = stream(texts)
        numbers, _ = numbered(ids)
        left, ranks, width = tokens_left(lengths), [numbers + 1], 1
        while width < longest:
            follows = np.flatnonzero(left > width)
            keys = ranks[-1] * (int(ranks[-1].max()) + 1)
            keys[follows] += ranks[-1][follows + width]
            ranks.append(np.unique(keys, return_inverse=True)[1].reshape(-1) + 1)
            width *= 2
        return cls(tuple(ranks), left, text_of_token(lengths))

    def neighbours(self, own: int) -> tuple[IntArray, IntArray]:
        """For the first ``own`` suffixes the nearest of the others before and after, (own,).

        Where there is none on one side, that of the other side.
        """
        order = np.argsort(self.ranks[-1], kind="stable")
        size, place = order.size, np.arange(order.size)
        foreign = order >= own
        before = np.maximum.accumulate(np.where(foreign, place, -1))
        after = np.minimum.accumulate(np.where(foreign, place, size)[::-1])[::-1]
        before, after = (
            np.where(before < 0, after, before),
            np.where(after == size, before, after),
        )
        where = np.empty(size, dtype=np.int64)
        where[order] = place
        return order[before[where[:own]]], order[after[where[:own]]]

    def common(self, first: IntArray, second: IntArray) -> IntArray:
        """How many tokens two suffixes share from their start, for each pair."""
        most = np.minimum(self.left[first], self.left[second])
        shared = np.zeros_like(most)
        last = self.left.size - 1
        for power in reversed(range(len(self.ranks))):
            ranks, inside = self.ranks[power], shared < most
            same = (
                ranks[np.minimum(first + shared, last)] == ranks[np.minimum(second + shared, last)]
            )
            shared += np.where(inside & same, 2**power, 0)
        return np.minimum(shared, most)


def quoted(text: str, start: int, length: int, tokenizer: Tokenizer) -> str:
    """The run as the text writes it; in lower case where folding changed the tokens' number."""
    whole, tokens = nfc(text), cutter(tokenizer)(folded(text))
    spans = token_spans(whole, tokenizer)
    if len(spans) != len(tokens):
        return " ".join(tokens[start : start + length])
    return whole[spans[start][0] : spans[start + length - 1][1]]
