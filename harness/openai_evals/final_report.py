"""The final report of one eval, under the names that OpenAI evals gives its metrics."""

from __future__ import annotations

import importlib.util
import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from harness.graders.model_graded import METASCORE
from harness.graders.translate import corpus_bleu
from harness.records import Completion, Outcome, Sample, Score

Number = float | None
F1_SCORE = "f1_score"


@dataclass(slots=True)
class Totals:
    """What a final report counts, taken in one answer at a time; ``grader`` is a key of REPORTS.

    Failures and answers without a mark count nowhere: their samples are excluded.
    """

    grader: str
    marks: array[float] = field(default_factory=lambda: array("d"))
    details: dict[str, array[float]] = field(default_factory=dict)
    choices: Counter[str] = field(default_factory=Counter)
    texts: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Answers and ideals, kept only where the metric is one of all texts together."""
    usages: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def add(self, outcome: Outcome, sample: Sample | None = None) -> None:
        """Take in one answer; ``sample`` gives the ideals where texts are compared."""
        if outcome.completion is not None:
            self._add_usage(outcome.completion)
        for score in outcome.scores.values():
            for said in score.judged:
                self._add_usage(said)
            self._add_score(score)
            if self.grader == "translate" and outcome.completion and score.value is not None:
                self.texts.append((outcome.completion.text, sample.ideal if sample else ()))

    def _add_usage(self, completion: Completion) -> None:
        if completion.usage is not None:
            self.usages += 1
            self.prompt_tokens += completion.usage.prompt_tokens
            self.completion_tokens += completion.usage.completion_tokens

    def _add_score(self, score: Score) -> None:
        if self.grader == "model_graded" and score.label is not None:
            self.choices[score.label] += 1
        elif score.value is None:
            return
        if score.value is not None:
            self.marks.append(score.value)
        for name, value in score.details.items():
            self.details.setdefault(name, array("d")).append(value)

    def report(self) -> dict[str, Number]:
        """The final report so far; a metric that nothing was measured for is None."""
        parts = REPORTS.get(self.grader, (accuracy, further_means))
        metrics = {name: value for part in parts for name, value in part(self).items()}
        return {**metrics, **{k: v for k, v in usage(self).items() if k not in metrics}}


def final_report(
    grader: str, outcomes: Iterable[Outcome], samples: Mapping[str, Sample] | None = None
) -> dict[str, Number]:
    """The final report of one eval's outcomes; ``grader`` is the spec's.

    ``samples`` by id are needed for translations only.
    """
    totals = Totals(grader)
    for outcome in outcomes:
        totals.add(outcome, samples.get(outcome.sample_id) if samples else None)
    return totals.report()


# --- metrics -------------------------------------------------------------------------


def accuracy(totals: Totals) -> dict[str, Number]:
    """The mean mark."""
    return {"accuracy": _mean(totals.marks)}


def boostrap_std(totals: Totals) -> dict[str, Number]:
    """The spread of accuracies of random halves of the answers; the name is the reference's.

    A half drawn without replacement holds a hypergeometric number of right answers, so the
    spread that the reference estimates from 1,000 draws is known without drawing.
    """
    count = len(totals.marks)
    half = count // 2
    if half == 0:
        return {"boostrap_std": None}
    share = sum(mark == 1 for mark in totals.marks) / count
    left_out = (count - half) / (count - 1)
    return {"boostrap_std": math.sqrt(share * (1 - share) * left_out / half)}


def f1_score(totals: Totals) -> dict[str, Number]:
    """The mean token F1."""
    return {F1_SCORE: _mean(totals.details.get(F1_SCORE, array("d")))}


def choice_counts(totals: Totals) -> dict[str, Number]:
    """How often the judge picked each choice, in the order in which they first came."""
    return {f"counts/{choice}": count for choice, count in totals.choices.items()}


def mean_scores(totals: Totals) -> dict[str, Number]:
    """The mean score of the choices, where they have scores; so for comparisons with people."""
    agreed = totals.details.get(METASCORE, array("d"))
    means = {"score": totals.marks, METASCORE: agreed}
    return {name: sum(marks) / len(marks) for name, marks in means.items() if marks}


def sacrebleu_score(totals: Totals) -> dict[str, Number]:
    """BLEU of all translations together; left out where sacrebleu is not installed."""
    if importlib.util.find_spec("sacrebleu") is None:
        return {}
    if not totals.texts:
        return {"sacrebleu_score": None}
    said = [text for text, _ in totals.texts]
    return {"sacrebleu_score": corpus_bleu(said, [ideals for _, ideals in totals.texts])}


def further_means(totals: Totals) -> dict[str, Number]:
    """The mean of whatever else a grader of ours measures."""
    return {name: _mean(values) for name, values in totals.details.items()}


def usage(totals: Totals) -> dict[str, Number]:
    """Tokens of every answer, judges' included; nothing where no server counted them."""
    if not totals.usages:
        return {}
    return {
        "usage_completion_tokens": totals.completion_tokens,
        "usage_prompt_tokens": totals.prompt_tokens,
        "usage_total_tokens": totals.completion_tokens + totals.prompt_tokens,
        "usage_completion_tokens_details": 0,
        "usage_prompt_tokens_details": 0,
    }


Metric = Callable[[Totals], dict[str, Number]]

REPORTS: Mapping[str, tuple[Metric, ...]] = {
    "match": (accuracy, boostrap_std),
    "includes": (accuracy, boostrap_std),
    "json_validator": (accuracy, boostrap_std),
    "fuzzy_match": (accuracy, f1_score),
    "json_match": (accuracy,),
    "model_graded": (choice_counts, mean_scores),
    "multiple_choice": (accuracy,),
    "translate": (accuracy, sacrebleu_score),
}
"""What each grader's class reports in OpenAI evals; our own graders report all their means."""


def _mean(values: array[float]) -> Number:
    """numpy's mean: its order of adding decides the last digit, unless all are right or wrong."""
    if not values:
        return None
    if all(value in (0.0, 1.0) for value in values):
        return sum(values) / len(values)
    import numpy as np

    return float(np.mean(values))
