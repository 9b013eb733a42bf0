"""Self-BLEU in linear time, equal to the last bit to nltk's sentence BLEU with method 1.

Comparing every text with all others is quadratic. But a gram's highest count among the
*other* texts is the highest of all, or the second highest for the text that alone holds the
first; one pass over the count table finds both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.analysis.diversity.lexical import prompt_means
from harness.analysis.diversity.ngrams import (
    CountTable,
    count_table,
    group_starts,
    numbered,
    text_of_token,
)
from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Corpus,
    FloatArray,
    Groups,
    IntArray,
    encode,
)

ORDER = 4
SMOOTHING = 0.1  # nltk's epsilon: what an order without a match counts as
ABSENT = -1


def self_bleu(
    texts: Sequence[str], *, order: int = ORDER, tokenizer: str = DEFAULT_TOKENIZER
) -> float:
    """The mean BLEU of each text against all others, in [0, 1]; higher is less diverse.

    It rises with the number of texts: compare at equal k. Texts shorter than ``order``
    tokens score low even when identical (two equal 2-token texts: .32), because the empty
    orders are smoothed. An empty text scores 0. NaN for fewer than 2 texts.
    Source: Zhu 2018 (Texygen); smoothing method 1 of Chen, Cherry 2014.
    """
    return float(per_prompt_self_bleu([texts], order=order, tokenizer=tokenizer)[0])


def per_prompt_self_bleu(
    groups: Groups, *, order: int = ORDER, tokenizer: str = DEFAULT_TOKENIZER
) -> FloatArray:
    """`self_bleu` of each prompt's texts, shape (prompts,), NaN where k < 2."""
    return mean_bleu(encode(groups, tokenizer), order)


def mean_bleu(corpus: Corpus, order: int = ORDER) -> FloatArray:
    """Each prompt's self-BLEU, (P,)."""
    return prompt_means(corpus, text_bleus(corpus, order))


def text_bleus(corpus: Corpus, order: int = ORDER) -> FloatArray:
    """The BLEU of each text against the others of its prompt, (D,)."""
    matches = clipped_matches(corpus, order)
    totals = np.maximum(1, corpus.lengths[:, None] - np.arange(order))
    rows = zip(
        corpus.lengths.tolist(),
        closest_lengths(corpus).tolist(),
        matches.tolist(),
        totals.tolist(),
        strict=True,
    )
    return np.array([bleu(*row) for row in rows], dtype=np.float64)


def bleu(length: int, closest: int, matches: list[int], totals: list[int]) -> float:
    """One text's BLEU from its clipped matches and n-gram totals by order.

    ``math`` and not numpy: only so is every bit nltk's.
    """
    if not matches[0]:
        return 0.0
    weight = 1 / len(matches)
    brevity = 1.0 if length > closest else math.exp(1 - closest / length)
    precisions = [(hit or SMOOTHING) / total for hit, total in zip(matches, totals, strict=True)]
    return brevity * math.exp(math.fsum(weight * math.log(p) for p in precisions))


def clipped_matches(corpus: Corpus, order: int) -> IntArray:
    """For each text and n-gram order, its grams found in another text, shape (D, order).

    A gram counts as often as the one other text that has it most often.
    """
    matches = np.zeros((len(corpus.texts), order), dtype=np.int64)
    texts = text_of_token(corpus.lengths)
    ids, starts = corpus.ids, np.arange(corpus.ids.size)
    for n in range(order):
        starts = repeated(ids, starts)
        table = count_table(texts[starts], ids[starts], max(1, len(corpus.texts)))
        clipped = np.minimum(table.counts, highest_elsewhere(table))
        matches[:, n] = np.bincount(table.documents, weights=clipped, minlength=len(matches))
        ids = only_shared(ids, starts, table)
        starts, ids = one_longer(ids, starts, texts)
    return matches


def repeated(ids: IntArray, starts: IntArray) -> IntArray:
    """The starts of grams that occur more than once; the others cannot match."""
    grams = ids[starts]
    return starts[np.bincount(grams)[grams] > 1] if grams.size else starts


def highest_elsewhere(table: CountTable) -> IntArray:
    """For each row of the table, the gram's highest count in any other text."""
    if not table.grams.size:
        return table.counts
    first = group_starts(table.grams)
    group = np.repeat(np.arange(first.size), np.diff(np.append(first, table.grams.size)))
    highest = np.maximum.reduceat(table.counts, first)
    is_highest = table.counts == highest[group]
    holders = np.add.reduceat(is_highest.astype(np.int64), first)
    second = np.maximum.reduceat(np.where(is_highest, 0, table.counts), first)
    alone = is_highest & (holders[group] == 1)
    return np.where(alone, second[group], highest[group])


def only_shared(ids: IntArray, starts: IntArray, table: CountTable) -> IntArray:
    """Gram ids (T,) by start, ABSENT where no gram starts or no other text has it.

    A longer gram found in two texts begins and ends with grams found in two texts, so the
    others need not be looked at again.
    """
    texts_with = np.bincount(table.grams)
    shared = np.full(ids.size, ABSENT)
    grams = ids[starts]
    shared[starts] = np.where(texts_with[grams] > 1, grams, ABSENT) if grams.size else grams
    return shared


def one_longer(ids: IntArray, starts: IntArray, texts: IntArray) -> tuple[IntArray, IntArray]:
    """Starts and ids (T,) of the grams that two overlapping shared ones make up."""
    starts = starts[starts + 1 < ids.size]
    starts = starts[(ids[starts] != ABSENT) & (ids[starts + 1] != ABSENT)]
    starts = starts[texts[starts] == texts[starts + 1]]
    longer = np.full(ids.size, ABSENT)
    size = int(ids.max(initial=0)) + 1
    longer[starts], _ = numbered(ids[starts] * size + ids[starts + 1])
    return starts, longer


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
