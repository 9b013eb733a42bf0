"""Two models' generations made comparable: same length, same number of texts per prompt.

Longer texts look less diverse to every metric, and so do more texts. Cut to common numbers,
what remains is a difference in diversity.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.diversity.tokens import (
    DEFAULT_TOKENIZER,
    Groups,
    Tokenizer,
    nfc,
    token_spans,
    tokenizer_name,
)
from harness.analysis.stats import mean_interval, unit_means
from harness.records import Estimate

LENGTH_PERCENTILE = 10  # of a prompt's pooled lengths: what is shorter is dropped
LEAST_OF_MEDIAN = 0.5  # or a few refusals would cut every answer to its first words

Texts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MatchReport:
    """What it took to make two arms (a and b) comparable. Shares are of an arm's texts.

    ``tokens`` and ``k`` are the common length and number of texts of each prompt;
    ``length_difference`` is the mean over prompts of a's mean token count minus b's before
    cutting: a finding of its own.
    """

    tokens: tuple[int, ...]
    k: tuple[int, ...]
    truncated_a: float
    truncated_b: float
    dropped_a: float
    dropped_b: float
    length_difference: Estimate
    tokenizer: str


@dataclass(frozen=True, slots=True)
class Arm:
    """One prompt's texts of one model, with the end of each token: the place to cut."""

    texts: Texts
    ends: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, texts: Sequence[str], tokenizer: Tokenizer) -> Arm:
        """Find the tokens of the texts."""
        composed = tuple(nfc(text) for text in texts)
        spans = (token_spans(text, tokenizer) for text in composed)
        return cls(composed, tuple(tuple(end for _, end in of_text) for of_text in spans))

    @property
    def lengths(self) -> list[int]:
        """The texts' token counts."""
        return [len(ends) for ends in self.ends]

    def cut(self, tokens: int) -> Texts:
        """The texts of at least so many tokens, cut to them."""
        pairs = zip(self.texts, self.ends, strict=True)
        return tuple(text[: ends[tokens - 1]] for text, ends in pairs if len(ends) >= tokens)

    def cut_share(self, tokens: int, k: int) -> int:
        """How many of the first k texts that `cut` keeps lose tokens."""
        return sum(length > tokens for length in [n for n in self.lengths if n >= tokens][:k])


def matched(
    groups_a: Groups,
    groups_b: Groups,
    *,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
    units: Sequence[object] | None = None,
) -> tuple[list[Texts], list[Texts], MatchReport]:
    """Cut both arms of each prompt to a common number of tokens m and of texts k.

    m is the 10th percentile of the prompt's pooled lengths, at least 1 and half the median of
    the arm with the shorter texts; what is shorter is dropped, longer texts are cut, and of each
    arm the first k remain, k being what both have left. ``units`` names the prompt of each
    group where several groups (seeds) share one; it matters to the interval of the length
    difference only.
    Assumes that a prompt's texts are exchangeable (independent samples).

    Raises:
        ValueError: the arms have different numbers of prompts, or not one unit a group.
    """
    if len(groups_a) != len(groups_b):
        raise ValueError(
            f"{len(groups_a)} and {len(groups_b)} prompts; give both arms the same prompts"
        )
    names = range(len(groups_a)) if units is None else units
    if len(names) != len(groups_a):
        raise ValueError(f"{len(names)} units for {len(groups_a)} groups; give one a group")
    arms_a = [Arm.of(texts, tokenizer) for texts in groups_a]
    arms_b = [Arm.of(texts, tokenizer) for texts in groups_b]
    pairs = list(zip(arms_a, arms_b, strict=True))
    tokens = tuple(common_length(a.lengths, b.lengths) for a, b in pairs)
    cut_a = [arm.cut(m) for arm, m in zip(arms_a, tokens, strict=True)]
    cut_b = [arm.cut(m) for arm, m in zip(arms_b, tokens, strict=True)]
    k = tuple(min(len(a), len(b)) for a, b in zip(cut_a, cut_b, strict=True))
    report = MatchReport(
        tokens=tokens,
        k=k,
        truncated_a=truncated_share(arms_a, tokens, k),
        truncated_b=truncated_share(arms_b, tokens, k),
        dropped_a=dropped_share(arms_a, k),
        dropped_b=dropped_share(arms_b, k),
        length_difference=length_difference(pairs, names),
        tokenizer=tokenizer_name(tokenizer),
    )
    return first_k(cut_a, k), first_k(cut_b, k), report


def common_length(lengths_a: Sequence[int], lengths_b: Sequence[int]) -> int:
    """The number of tokens to cut a prompt's texts to."""
    pooled = [*lengths_a, *lengths_b]
    if not pooled:
        return 1
    least = min(float(np.median(arm)) for arm in (lengths_a, lengths_b) if arm)
    percentile = int(np.percentile(pooled, LENGTH_PERCENTILE, method="lower"))
    return max(1, percentile, math.ceil(LEAST_OF_MEDIAN * least))


def first_k(groups: Sequence[Texts], k: Sequence[int]) -> list[Texts]:
    """The first k texts of each prompt."""
    return [texts[:count] for texts, count in zip(groups, k, strict=True)]


def truncated_share(arms: Sequence[Arm], tokens: Sequence[int], k: Sequence[int]) -> float:
    """The share of an arm's texts that were kept and cut."""
    cut = sum(arm.cut_share(m, count) for arm, m, count in zip(arms, tokens, k, strict=True))
    return share_of(cut, arms)


def dropped_share(arms: Sequence[Arm], k: Sequence[int]) -> float:
    """The share of an arm's texts that were too short or too many."""
    return share_of(sum(len(arm.texts) for arm in arms) - sum(k), arms)


def share_of(count: int, arms: Sequence[Arm]) -> float:
    """A count over an arm's number of texts; NaN where it has none."""
    texts = sum(len(arm.texts) for arm in arms)
    return count / texts if texts else math.nan


def length_difference(pairs: Sequence[tuple[Arm, Arm]], units: Sequence[object]) -> Estimate:
    """The mean over units of the difference in mean token count, a - b."""
    defined = [(pair, unit) for pair, unit in zip(pairs, units, strict=True) if all_have(pair)]
    if not defined:
        return Estimate(math.nan, -math.inf, math.inf, 0, "t over prompts")
    differences = [float(np.mean(a.lengths) - np.mean(b.lengths)) for (a, b), _ in defined]
    return mean_interval(unit_means(np.array(differences), [unit for _, unit in defined]))


def all_have(pair: tuple[Arm, Arm]) -> bool:
    """Both arms of a prompt have texts."""
    return all(arm.texts for arm in pair)
