"""How alike two texts are: the metrics that hosted text_similarity graders name, in [0, 1].

The hosted service has not published its code. These are the standard definitions; where a
definition leaves a choice open, the docstring says which was taken.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise

TOKEN = re.compile(r"\w+|[^\w\s]")
WORD = re.compile(r"[^\W_]+")
MAX_ORDER = 4
"""BLEU and GLEU count sequences of one to four tokens."""

ALPHA, BETA, GAMMA = 0.9, 3.0, 0.5
"""METEOR's weight of precision, and exponent and weight of its penalty for broken order."""


def tokens(text: str) -> list[str]:
    """Words and single punctuation marks, as they are written."""
    return TOKEN.findall(text)


def words(text: str) -> list[str]:
    """Lower-case letters and digits in runs; on ASCII what rouge-score's tokenizer gives."""
    return WORD.findall(text.lower())


def fuzzy_match(text: str, reference: str) -> float:
    """rapidfuzz's WRatio of both texts in lower case without punctuation, over 100."""
    from rapidfuzz import fuzz, utils

    return float(fuzz.WRatio(text, reference, processor=utils.default_process)) / 100


def bleu(text: str, reference: str) -> float:
    """BLEU of one sentence: brevity penalty times geometric mean of clipped precisions.

    No smoothing; orders for which the text is too short are left out.
    """
    ours, theirs = tokens(text), tokens(reference)
    if not ours or not theirs:
        return 0.0
    orders = range(1, min(MAX_ORDER, len(ours)) + 1)
    shares = [_common(ours, theirs, n) / (len(ours) - n + 1) for n in orders]
    if 0 in shares:
        return 0.0
    penalty = min(1.0, math.exp(1 - len(theirs) / len(ours)))
    return penalty * math.exp(math.fsum(map(math.log, shares)) / len(shares))


def gleu(text: str, reference: str) -> float:
    """Google BLEU: the lower of precision and recall over all sequences of 1 to 4 tokens."""
    ours, theirs = tokens(text), tokens(reference)
    orders = range(1, MAX_ORDER + 1)
    common = sum(_common(ours, theirs, n) for n in orders)
    most = max(sum(max(len(side) - n + 1, 0) for n in orders) for side in (ours, theirs))
    return common / most if most else 0.0


def meteor(text: str, reference: str) -> float:
    """METEOR with its exact stage only: no stems, no synonyms; words in lower case.

    One matching word is one chunk, so that a text of one word scores 0.5 at best.
    """
    ours, theirs = words(text), words(reference)
    pairs = _aligned(ours, theirs)
    if not pairs:
        return 0.0
    precision, recall = len(pairs) / len(ours), len(pairs) / len(theirs)
    mean = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
    breaks = (a[0] + 1 != b[0] or a[1] + 1 != b[1] for a, b in pairwise(pairs))
    chunks = 1 + sum(breaks)
    return mean * (1 - GAMMA * math.pow(chunks / len(pairs), BETA))


def _aligned(ours: Sequence[str], theirs: Sequence[str]) -> list[tuple[int, int]]:
    """Places of equal words, each used once, paired from the end; in our order."""
    free: dict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(theirs):
        free[word].append(place)
    backwards = (
        (place, free[ours[place]].pop())
        for place in reversed(range(len(ours)))
        if free.get(ours[place])
    )
    return list(backwards)[::-1]


def rouge_n(text: str, reference: str, n: int) -> float:
    """ROUGE-N: the F1 of sequences of n words, without stemming."""
    ours, theirs = words(text), words(reference)
    return _f1(_common(ours, theirs, n), len(ours) - n + 1, len(theirs) - n + 1)


def rouge_l(text: str, reference: str) -> float:
    """ROUGE-L: the F1 of the longest common subsequence of words, without stemming."""
    from rapidfuzz.distance import LCSseq

    ours, theirs = words(text), words(reference)
    return _f1(int(LCSseq.similarity(ours, theirs)), len(ours), len(theirs))


def cosine(text: str, reference: str) -> float:
    """The cosine of the two texts' word counts.

    The hosted service compares embeddings of a model of its own instead: its numbers differ.
    """
    ours, theirs = Counter(words(text)), Counter(words(reference))
    dot = sum(count * theirs[word] for word, count in ours.items())
    size = math.sqrt(_square(ours)) * math.sqrt(_square(theirs))
    return min(1.0, dot / size) if size else 0.0


def _square(counts: Counter[str]) -> int:
    return sum(count * count for count in counts.values())


def _common(ours: Sequence[str], theirs: Sequence[str], n: int) -> int:
    return (_sequences(ours, n) & _sequences(theirs, n)).total()


def _sequences(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[start:] for start in range(n)), strict=False))


def _f1(common: int, ours: int, theirs: int) -> float:
    return 2 * common / (ours + theirs) if common else 0.0


METRICS: Mapping[str, Callable[[str, str], float]] = {
    "fuzzy_match": fuzzy_match,
    "bleu": bleu,
    "gleu": gleu,
    "meteor": meteor,
    "cosine": cosine,
    **{f"rouge_{n}": partial(rouge_n, n=n) for n in range(1, 6)},
    "rouge_l": rouge_l,
}
"""By the names that hosted graders give them."""
