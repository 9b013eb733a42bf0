"""Self-BLEU in linear time, equal to the last bit to nltk's sentence BLEU with method 1.

Comparing every text with all others is quadratic. But a gram's highest count among the
*other* texts is the highest of all, or the second highest for the text that alone holds the
first; one pass over the count table finds both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from harness.analysis.diversity.gramtable import GramTable
from harness.analysis.diversity.lexical import prompt_means
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    FloatArray,
    Groups,
    IntArray,
    Tokenizer,
    encode,
)

ORDER = 4
SMOOTHING = 0.1  # nltk's epsilon: what an order without a match counts as
ShortTexts = Literal["smoothed", "own order"]
"""What becomes of texts of fewer tokens than the order: nltk's value, or BLEU of their length."""


def self_bleu(
    texts: Sequence[str],
    *,
    order: int = ORDER,
    short: ShortTexts = "smoothed",
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
) -> float:
    """The mean BLEU of each text against all others, in [0, 1]; higher is less diverse.

    It rises with the number of texts: compare at equal k. Texts shorter than ``order``
    tokens score low even when identical (two equal 2-token texts: .32), because the empty
    orders are smoothed: that is nltk's value; "own order" gives such a text BLEU of order
    min(``order``, its length) instead. An empty text scores 0. NaN for fewer than 2 texts.
    Source: Zhu 2018 (Texygen); smoothing method 1 of Chen, Cherry 2014.

    Raises:
        ValueError: order < 1.
    """
    values = per_prompt_self_bleu([texts], order=order, short=short, tokenizer=tokenizer)
    return float(values[0])


def per_prompt_self_bleu(
    groups: Groups,
    *,
    order: int = ORDER,
    short: ShortTexts = "smoothed",
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
) -> FloatArray:
    """`self_bleu` of each prompt's texts, shape (prompts,), NaN where k < 2."""
    return mean_bleu(encode(groups, tokenizer), order, short)


def mean_bleu(corpus: Corpus, order: int = ORDER, short: ShortTexts = "smoothed") -> FloatArray:
    """Each prompt's self-BLEU, (P,)."""
    return prompt_means(corpus, text_bleus(corpus, order, short))


def text_bleus(corpus: Corpus, order: int = ORDER, short: ShortTexts = "smoothed") -> FloatArray:
    """The BLEU of each text against the others of its prompt, (D,)."""
    if order < 1:
        raise ValueError(f"order is {order}; BLEU compares n-grams of at least one token")
    matches = clipped_matches(corpus, order)
    totals = np.maximum(1, corpus.lengths[:, None] - np.arange(order))
    orders = np.full(corpus.lengths.size, order)
    if short == "own order":
        orders = np.clip(corpus.lengths, 1, order)
    logs = weighted_logs(matches, totals, orders)
    rows = zip(
        (matches[:, 0] > 0).tolist(),
        corpus.lengths.tolist(),
        closest_lengths(corpus).tolist(),
        logs.tolist(),
        strict=True,
    )
    return np.array([bleu(*row) for row in rows], dtype=np.float64)


def bleu(any_match: bool, length: int, closest: int, logs: list[float]) -> float:
    """One text's BLEU from the weighted logarithms of its precisions.

    ``math`` and not numpy: only so is every bit nltk's.
    """
    if not any_match:
        return 0.0
    mean = math.exp(math.fsum(logs))
    return mean if length > closest else math.exp(1 - closest / length) * mean


def weighted_logs(matches: IntArray, totals: IntArray, orders: IntArray) -> FloatArray:
    """1/order times the logarithm of each precision, (D, orders); 0 beyond a text's order.

    The same few fractions occur again and again: each logarithm is taken once, by ``math``.
    """
    width = int(totals.max(initial=0)) + 1
    keys = ((matches * width + totals) * (matches.shape[1] + 1)) + orders[:, None]
    found, places = np.unique(keys, return_inverse=True)
    fractions, weights = np.divmod(found, matches.shape[1] + 1)
    values = [
        1 / order * math.log((hit or SMOOTHING) / total)
        for hit, total, order in zip(
            (fractions // width).tolist(),
            (fractions % width).tolist(),
            weights.tolist(),
            strict=True,
        )
    ]
    logs = np.array(values, dtype=np.float64)[places.reshape(matches.shape)]
    return np.where(np.arange(matches.shape[1]) < orders[:, None], logs, 0.0)


def clipped_matches(corpus: Corpus, order: int) -> IntArray:
    """For each text and n-gram order, its grams found in another text, shape (D, order).

    A gram counts as often as the one other text that has it most often.
    """
    matches = np.zeros((len(corpus.texts), order), dtype=np.int64)
    for n in range(order):
        table = corpus.table(n + 1)
        clipped = np.minimum(table.counts, highest_elsewhere(table))
        matches[:, n] = table.text_sums(clipped, len(matches))
    return matches


def highest_elsewhere(table: GramTable) -> IntArray:
    """For each row of the table, the gram's highest count in any other text of its prompt."""
    if not table.size:
        return np.zeros(0, dtype=np.int64)
    highest = np.maximum.reduceat(table.counts, table.first)
    is_highest = table.counts == highest[table.grams]
    holders = np.bincount(table.grams, is_highest, table.size)
    second = np.maximum.reduceat(np.where(is_highest, 0, table.counts), table.first)
    alone = is_highest & (holders[table.grams] == 1)
    return np.where(alone, second[table.grams], highest[table.grams])


def closest_lengths(corpus: Corpus) -> IntArray:
    """For each text the length nearest to its own among the others of its prompt; tie: shorter.

    Sorted by length, it is that of a neighbour. 0 where there is no other text.
    """
    order = np.lexsort((corpus.lengths, corpus.prompts))
    lengths, prompts = corpus.lengths[order], corpus.prompts[order]
    same = prompts[1:] == prompts[:-1]
    gaps = np.where(same, np.diff(lengths), np.iinfo(np.int64).max)
    edge = np.array([np.iinfo(np.int64).max])
    to_shorter, to_longer = np.append(edge, gaps), np.append(gaps, edge)
    nearest = np.where(to_shorter <= to_longer, np.roll(lengths, 1), np.roll(lengths, -1))
    alone = np.minimum(to_shorter, to_longer) == edge
    closest = np.empty_like(lengths)
    closest[order] = np.where(alone, 0, nearest)
    return closest
