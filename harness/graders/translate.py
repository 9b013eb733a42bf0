"""Marks of translations: sentence BLEU against the references, as OpenAI evals counts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from typing import Any, ClassVar

from harness.errors import UsageError
from harness.records import Completion, Sample, Score

GOOD_ENOUGH = 30.0
"""The sentence BLEU (0 to 100) above which OpenAI evals counts a translation as right."""

SENTENCE = "sacrebleu_sentence_score"


@dataclass(frozen=True)
class Translate:
    """The completion resembles a reference translation: sacrebleu's sentence score is over 30.

    The score itself (0 to 100) is in the details. It needs the extra ``translate``.
    """

    needs_ideal: ClassVar[bool] = True

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """1 when the sentence score is over 30."""
        if not sample.ideal:
            return Score(None, reason="this sample has no reference translation")
        score = float(_bleu(True).sentence_score(completion.text, list(sample.ideal)).score)
        return Score(float(score > GOOD_ENOUGH), details={SENTENCE: score})


def corpus_bleu(texts: Sequence[str], ideals: Sequence[Sequence[str]]) -> float:
    """The BLEU (0 to 100) of all texts together; each may have several references."""
    streams = [list(stream) for stream in zip_longest(*ideals)]
    return float(_bleu(False).corpus_score(list(texts), streams).score)


@cache
def _bleu(effective_order: bool) -> Any:
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError as error:
        raise UsageError(
            "marking translations needs sacrebleu: pip install 'finetune-harness[translate]'"
        ) from error
    return BLEU(effective_order=effective_order)
