"""From journal lines to what analysis reads: the answers of one model to one eval, by sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.records import Completion, Outcome, Sample, Usage


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that was not all right, and what the grader said about it."""

    text: str
    reason: str


@dataclass(slots=True)
class Answers:
    """All answers of one model to one eval: values and texts by sample id, in repeat order."""

    eval: str
    model: str
    values: dict[str, list[float]] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    details: dict[str, list[Mapping[str, float]]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    failed_samples: set[str] = field(default_factory=set)
    faults: dict[str, Fault] = field(default_factory=dict)
    """The first answer to each sample that was not all right."""
    unmarked: int = 0
    cut: list[tuple[str, str]] = field(default_factory=list)
    """(sample id, text) of answers that ended at the token limit."""
    total: int = 0
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latencies_s: list[float] = field(default_factory=list)
    """Of answers that were not replayed."""
    usages: dict[str, list[Usage]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Take in one journal line."""
        self.total += 1
        if outcome.failure is not None:
            self.failures[outcome.failure.kind] += 1
            self.examples.setdefault(outcome.failure.kind, outcome.failure.message)
            self.failed_samples.add(outcome.sample_id)
            return
        if outcome.completion is not None:
            self._add_completion(outcome.sample_id, outcome.completion)
        self._add_scores(outcome)

    def _add_completion(self, sample_id: str, completion: Completion) -> None:
        self.texts.setdefault(sample_id, []).append(completion.text)
        if completion.finish_reason == "length":
            self.cut.append((sample_id, completion.text))
        if not completion.replayed:
            self.latencies_s.append(completion.latency_s)
        if completion.usage is not None:
            self.usages.setdefault(sample_id, []).append(completion.usage)
            self.prompt_tokens += completion.usage.prompt_tokens
            self.completion_tokens += completion.usage.completion_tokens

    def _add_scores(self, outcome: Outcome) -> None:
        for score in outcome.scores.values():
            if score.value is None and not score.details:
                self.unmarked += 1
                reason = score.reason or "the grader gave no mark"
                self.examples.setdefault("no_mark", reason)
                continue
            self.details.setdefault(outcome.sample_id, []).append(score.details)
            if score.value is None:
                continue
            self.values.setdefault(outcome.sample_id, []).append(score.value)
            if score.value < 1 and outcome.sample_id not in self.faults:
                text = outcome.completion.text if outcome.completion else ""
                self.faults[outcome.sample_id] = Fault(text, score.reason or "")

    @property
    def by_prompt(self) -> dict[str, float]:
        """One value a sample: the mean over its repeats."""
        return {key: sum(values) / len(values) for key, values in self.values.items()}

    @property
    def unmarked_share(self) -> float:
        """The share of answers that carry no mark, failures included."""
        return (self.unmarked + self.failures.total()) / self.total if self.total else 0.0

    def excluded(self, samples: Sequence[str] | Mapping[str, Sample]) -> int:
        """How many of the samples have no mark at all."""
        return sum(1 for sample_id in samples if sample_id not in self.details)

    def cut_short_share(self, samples: Mapping[str, Sample], grader: str) -> float:
        """The share of answers that the token limit cut before they could be right.

        A model that rambles reaches the limit too; that is its own fault. What counts depends
        on what the grader wants: of an answer that has to *be* the ideal, a cut that is right
        so far; of a free text, one shorter than the references; of any other, every cut.
        """
        cut = sum(
            1
            for sample_id, text in self.cut
            if sample_id in samples and was_still_open(text, samples[sample_id].ideal, grader)
        )
        return cut / self.total if self.total else 0.0


IS_THE_IDEAL = frozenset({"match", "json_match", "json_validator", "extraction"})
FREE_TEXT = frozenset({"style"})


def was_still_open(text: str, ideals: Sequence[str], grader: str) -> bool:
    """Could an answer that was cut here have become right?"""
    if not ideals:
        return True
    if grader in IS_THE_IDEAL:
        return any(ideal.startswith(text.strip()) for ideal in ideals)
    return len(text) < max(map(len, ideals)) if grader in FREE_TEXT else True


def answers_by_model(outcomes: Iterable[Outcome]) -> dict[tuple[str, str], Answers]:
    """Sort journal lines by (eval, model), in repeat order for each sample.

    The order of samples does not depend on which answer came first: sums of the same numbers
    in another order differ in their last digit.
    """
    table: dict[tuple[str, str], Answers] = {}
    for outcome in sorted(outcomes, key=lambda outcome: (outcome.repeat, outcome.sample_id)):
        key = (outcome.eval, outcome.model)
        if key not in table:
            table[key] = Answers(*key)
        table[key].add(outcome)
    return table


def pooled(tables: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean over models (seeds) of each sample that all of them have a mark for."""
    if not tables:
        return {}
    shared = set(tables[0]).intersection(*tables[1:])
    return {key: sum(t[key] for t in tables) / len(tables) for key in tables[0] if key in shared}


def aligned(
    tuned: Mapping[str, float], base: Mapping[str, float]
) -> tuple[list[str], list[float], list[float]]:
    """The shared sample ids, and both models' values in that order."""
    keys = [key for key in tuned if key in base]
    return keys, [tuned[key] for key in keys], [base[key] for key in keys]
