"""Which answers to a prompt say something new: distinct_k, for all prompts at once.

Two answers are alike by the words that they have in common, case and punctuation aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.diversity.folding import refolded
from harness.analysis.diversity.gramtable import BoolArray, IntArray
from harness.analysis.diversity.lexical import defined
from harness.analysis.diversity.ngrams import text_of_token
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    Cut,
    FloatArray,
    Groups,
    Tokenizer,
    encode,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SAME_CLASS_ROUGE = 0.458  # NoveltyBench's threshold, fitted to human judgement
SHORT_ANSWER_WORDS = 5
NO_WORD = -1

PAIRS_AT_ONCE = 1 << 20


def distinct_k(texts: Sequence[str], *, tokenizer: Tokenizer = DEFAULT_TOKENIZER) -> float:
    """How many really different answers there are among k texts, from 1 to k.

    Greedy: a text joins the first class whose first member it resembles, else it opens a
    class. It resembles at ROUGE-1 F1 > .458; where both have at most 5 words, when half of
    the longer one's are common; and where both say the same words in the same order. Case and
    punctuation aside. NaN for fewer than 2 texts.
    Source: Zhang 2025 (NoveltyBench), its model-free rule.
    """
    return float(per_prompt_distinct_k([texts], tokenizer=tokenizer)[0])


def per_prompt_distinct_k(
    groups: Groups, *, tokenizer: Tokenizer = DEFAULT_TOKENIZER
) -> FloatArray:
    """`distinct_k` of each prompt's texts, shape (prompts,), NaN where k < 2."""
    return classes(encode(groups, tokenizer))


def classes(corpus: Corpus) -> FloatArray:
    """Each prompt's distinct_k, (P,)."""
    return defined(corpus, corpus.prompt_sums(new_answers(corpus)))


def new_answers(corpus: Corpus) -> BoolArray:
    """Whether each text opens a class of its own, (D,)."""
    words = plain_words(corpus)
    pairs, new = Pairs.of(words), np.ones(words.lengths.size, dtype=bool)
    firsts = np.cumsum(words.k) - words.k
    for k in np.unique(words.k[words.k > 1]).tolist():
        sets = firsts[words.k == k][:, None] + np.arange(k)
        if k * k > PAIRS_AT_ONCE:
            for texts in sets:
                new[texts] = np.isin(texts, leaders(texts, pairs))
            continue
        step = PAIRS_AT_ONCE // (k * k)
        for start in range(0, len(sets), step):
            texts = sets[start : start + step]
            new[texts] = first_of_classes(pairs.alike(texts, texts))
    return new


def first_of_classes(alike: BoolArray) -> BoolArray:
    """Of texts in order, (..., k, k), those that are like no class's first member, (..., k)."""
    new = np.ones(alike.shape[:-1], dtype=bool)
    for place in range(1, alike.shape[-1]):
        before = alike[..., place, :place] & new[..., :place]
        new[..., place] = ~before.any(axis=-1)
    return new


def leaders(texts: IntArray, pairs: Pairs) -> IntArray:
    """The first members of a set too large for all of its pairs at once."""
    found = texts[:0]
    step = max(1, PAIRS_AT_ONCE // texts.size)
    for start in range(0, texts.size, step):
        rows = texts[start : start + step]
        rows = rows[~pairs.alike(rows[None], found[None])[0].any(axis=1)]
        new = first_of_classes(pairs.alike(rows[None], rows[None]))[0]
        found = np.concatenate([found, rows[new]])
    return found


@dataclass(frozen=True, slots=True)
class Pairs:
    """What texts have in common, to be looked up for pairs of one prompt.

    ``words`` marks each text's words, a repeated one as often as it occurs (D, .); ``kinds``
    each word once, of short texts only; ``sequences`` numbers short texts, equal ones alike.
    """

    lengths: IntArray
    words: csr_array
    kinds: csr_array
    sequences: IntArray

    @classmethod
    def of(cls, corpus: Corpus) -> Pairs:
        """Only words that several texts of a prompt have can be common."""
        table = corpus.table(1)
        rows = np.flatnonzero((table.texts_with > 1)[table.grams])
        documents, grams = (
            table.documents[rows].astype(np.int64),
            table.grams[rows].astype(np.int64),
        )
        counts = table.counts[rows].astype(np.int64)
        starts = np.cumsum(table.totals) - table.totals  # a gram's columns: one an occurrence
        nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        columns = np.repeat(starts[grams], counts) + nth
        size, short = corpus.lengths.size, corpus.lengths[documents] <= SHORT_ANSWER_WORDS
        return cls(
            corpus.lengths,
            marks(np.repeat(documents, counts), columns, (size, corpus.ids.size)),
            marks(documents[short], grams[short], (size, max(1, table.size))),
            short_sequences(corpus),
        )

    def alike(self, rows: IntArray, others: IntArray) -> BoolArray:
        """Whether texts say much the same: (n, r) and (n, s) of n prompts -> (n, r, s)."""
        lengths = self.lengths[rows][:, :, None], self.lengths[others][:, None, :]
        common = products(self.words, rows, others)
        scores = 2 * common / np.maximum(1, lengths[0] + lengths[1])
        found: BoolArray = scores > SAME_CLASS_ROUGE
        longest = np.maximum(*lengths)
        if (longest <= SHORT_ANSWER_WORDS).any():
            half = 2 * products(self.kinds, rows, others) >= longest
            found = np.where(longest <= SHORT_ANSWER_WORDS, half, found)
            found |= self.sequences[rows][:, :, None] == self.sequences[others][:, None, :]
        return found


def marks(rows: IntArray, columns: IntArray, shape: tuple[int, int]) -> csr_array:
    """A matrix with ones at these places."""
    from scipy.sparse import csr_array

    return csr_array((np.ones(rows.size, dtype=np.int32), (rows, columns)), shape=shape)


def products(marked: csr_array, rows: IntArray, others: IntArray) -> IntArray:
    """How many marks pairs of texts share: (n, r) and (n, s) of n prompts -> (n, r, s)."""
    found = np.zeros((*rows.shape, others.shape[1]), dtype=np.int64)
    place = (marked[rows.ravel()] @ marked[others.ravel()].T).tocoo()
    n_rows, n_others = max(1, rows.shape[1]), max(1, others.shape[1])
    found[place.row // n_rows, place.row % n_rows, place.col % n_others] = place.data
    return found


def short_sequences(corpus: Corpus) -> IntArray:
    """A number for each text, (D,), equal for short texts of the same words in order."""
    numbers = -1 - np.arange(corpus.lengths.size)
    short = np.flatnonzero(corpus.lengths <= SHORT_ANSWER_WORDS)
    starts = (np.cumsum(corpus.lengths) - corpus.lengths)[short, None]
    nth = np.arange(SHORT_ANSWER_WORDS)
    places = np.minimum(starts + nth, max(0, corpus.ids.size - 1))
    ids = np.append(corpus.ids, NO_WORD)[places]
    words = np.where(nth < corpus.lengths[short, None], ids, NO_WORD)
    numbers[short] = np.unique(words, axis=0, return_inverse=True)[1].reshape(-1)
    return numbers


# --- words ---------------------------------------------------------------------------


def plain_words(corpus: Corpus) -> Corpus:
    """The same texts case-folded and without punctuation; all tokens where there is nothing else.

    A full stop in common would make "Paris." and "London." half the same.
    """
    whole = Cut(corpus.ids, corpus.lengths, corpus.vocabulary)
    cut = refolded(whole, corpus.texts, corpus.tokenizer)
    speaks = np.array([any(map(str.isalnum, token)) for token in cut.vocabulary.tokens()], bool)
    texts = text_of_token(cut.lengths)
    kept = speaks[cut.ids]
    spoken = np.bincount(texts[kept], minlength=cut.lengths.size)
    kept |= (spoken == 0)[texts]
    return replace(
        corpus,
        ids=cut.ids[kept],
        lengths=np.where(spoken, spoken, cut.lengths),
        size=cut.vocabulary.size,
        vocabulary=cut.vocabulary,
        _tables=[],
    )
