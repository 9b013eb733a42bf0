"""Marks by comparing texts, with the exact semantics of OpenAI evals."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness.records import Completion, Sample, Score

ARTICLES = re.compile(r"\b(a|an|the)\b")
NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class Match:
    """The completion starts with an expected answer."""

    needs_ideal: ClassVar[bool] = True

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """1 when an ideal opens the completion; the label is the first that does."""
        picked = next((a for a in sample.ideal if completion.text.startswith(a)), None)
        return Score(value=float(picked is not None), label=picked)


@dataclass(frozen=True)
class Includes:
    """An expected answer appears somewhere in the completion."""

    ignore_case: bool = False
    needs_ideal: ClassVar[bool] = True

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """1 when an ideal occurs in the completion; the label is the first that does."""
        text = self._folded(completion.text)
        found = next((a for a in sample.ideal if self._folded(a) in text), None)
        return Score(value=float(found is not None), label=found)

    def _folded(self, text: str) -> str:
        return text.lower() if self.ignore_case else text


@dataclass(frozen=True)
class FuzzyMatch:
    """After normalising, the completion holds an expected answer, or the answer holds it.

    ``f1_score`` in the details is the token F1, the best over all expected answers.
    """

    needs_ideal: ClassVar[bool] = True

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """1 when either side holds the other; the label is the first ideal that fits."""
        text = normalized(completion.text)
        ideals = [normalized(ideal) for ideal in sample.ideal]
        fits = (a for a, ideal in zip(sample.ideal, ideals, strict=True) if overlap(text, ideal))
        found = next(fits, None)
        return Score(
            value=float(found is not None),
            label=found,
            details={"f1_score": best_f1(text, ideals)},
        )


def normalized(text: str) -> str:
    """Lower case, no ASCII punctuation, no English articles, single spaces."""
    bare = text.lower().translate(NO_PUNCTUATION)
    return " ".join(ARTICLES.sub(" ", bare).split())


def overlap(one: str, other: str) -> bool:
    """Either normalised text holds the other; an empty one only equals an empty one."""
    if not one or not other:
        return one == other
    return one in other or other in one


def best_f1(text: str, ideals: Sequence[str]) -> float:
    """The highest token F1 of a normalised text against normalised ideals; 0 without any."""
    tokens = Counter(text.split())
    return max((_f1(tokens, Counter(ideal.split())) for ideal in ideals), default=0)


def _f1(tokens: Counter[str], ideal: Counter[str]) -> float:
    common = (tokens & ideal).total()
    if common == 0:
        return 0  # not 0.0: logs of OpenAI evals carry the integer
    precision, recall = common / tokens.total(), common / ideal.total()
    return 2 * precision * recall / (precision + recall)
